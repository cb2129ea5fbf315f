/** The page as PDF, with the passphrase's QR code beside the head of it. */

import { PDFDocument, type PDFFont, type PDFPage, StandardFonts } from "@cantoo/pdf-lib";
import { encode } from "uqr";

/** A4, in points. */
const page = { width: 595.28, height: 841.89, margin: 34 } as const;
const lineHeight = 10.6;
const largestType = 8.6;
/** Of the QR code, quiet zone included (ISO/IEC 18004 wants four modules of it). */
const codePoints = 92;
/** The head of the page, which the code stands beside, is set no wider than this leaves. */
const headLines = 9;

/** @param text of nothing but ASCII characters, or what the fonts of every reader have (WinAnsi); others become "?" */
export async function pagePdf(text: string, passphrase: string, title: string): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  document.setTitle(title);
  const sheet = document.addPage([page.width, page.height]);
  const [plain, bold] = await Promise.all([
    document.embedFont(StandardFonts.Courier),
    document.embedFont(StandardFonts.CourierBold),
  ]);
  const lines = text
    .trimEnd()
    .replace(/[^\n\x20-\x7e]/g, "?")
    .split("\n");
  // one page, whatever the names in it are
  const step = Math.min(lineHeight, (page.height - 2 * page.margin) / lines.length);
  lines.forEach((line, index) => {
    const room = page.width - 2 * page.margin - (index < headLines ? codePoints : 0);
    const y = page.height - page.margin - step * (index + 1);
    drawLine(sheet, line, { font: isCommand(line) || isHeading(line) ? bold : plain, step, room, y });
  });
  drawCode(sheet, passphrase);
  return document.save();
}

function isCommand(line: string): boolean {
  return line.startsWith("    ");
}

function isHeading(line: string): boolean {
  return /^([A-Z]{3}|\d\. |Recovery passphrase)/.test(line);
}

interface LinePlace {
  readonly font: PDFFont;
  readonly step: number;
  readonly room: number;
  readonly y: number;
}

/** A long line is set smaller rather than broken: a command must not be. */
function drawLine(sheet: PDFPage, line: string, { font, step, room, y }: LinePlace): void {
  const size = Math.min(largestType, step - 1.5, room / font.widthOfTextAtSize(line || " ", 1));
  sheet.drawText(line, { x: page.margin, y, size, font });
}

function drawCode(sheet: PDFPage, passphrase: string): void {
  const { data, size } = encode(passphrase, { ecc: "M", border: 4 });
  const module = codePoints / size;
  const left = page.width - page.margin - codePoints;
  const top = page.height - page.margin;
  data.forEach((row, y) => {
    row.forEach((isDark, x) => {
      if (!isDark) return;
      // a hair larger, or some readers show the seams
      const edge = module * 1.02;
      sheet.drawRectangle({ x: left + x * module, y: top - (y + 1) * module, width: edge, height: edge });
    });
  });
}
