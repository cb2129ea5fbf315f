/** sftp(1) splits its lines like a shell and expands patterns; quoted, and a quote or backslash escaped, it does neither. */
export function sftpQuote(path: string): string {
  return `"${path.replace(/[\\"*?[\]]/g, "\\$&")}"`;
}
