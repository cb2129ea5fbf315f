import { tableName } from "../../export/firewall-rules.ts";
import type { Found } from "../observe/found.ts";
import { firewallUnit, firewallUnitPath, launcherPath } from "../paths.ts";
import type { Plan, Step } from "../step.ts";
import { firewallUnitText } from "../text/firewall-unit.ts";
import { wantFile } from "./want.ts";

/** The table of direct exports, shut: now, and at each boot. */
export function planFirewall(found: Found): Plan {
  const module: Step = {
    says: "the kernel has nf_tables",
    looks: true,
    action: {
      kind: "command",
      argv: ["nft", "list", "tables"],
      hint: "modprobe nf_tables; without it nothing goes over TCP",
    },
  };
  const unit = found.systemd
    ? wantFile(found, {
        of: null,
        path: firewallUnitPath,
        content: firewallUnitText(),
        mode: 0o644,
        says: "shut the ports of direct exports at each boot",
      })
    : [];
  const reload: Step[] =
    unit.length === 0
      ? []
      : [{ says: "have systemd read that", action: { kind: "command", argv: ["systemctl", "daemon-reload"] } }];
  const enable: Step[] =
    !found.systemd || found.enabledUnits.has(firewallUnit)
      ? []
      : [
          {
            says: `enable ${firewallUnit}`,
            action: { kind: "command", argv: ["systemctl", "enable", firewallUnit] },
            registers: [{ what: "enabled", of: null, unit: firewallUnit }],
          },
        ];
  const apply: Step[] = found.firewallStands
    ? []
    : [
        {
          says: `make the table ${tableName}, which shuts the ports of direct exports`,
          action: { kind: "command", argv: [launcherPath, "firewall", "apply"] },
          registers: [{ what: "firewall", of: null }],
        },
      ];
  const notes = found.systemd
    ? []
    : [`there is no systemd here: have ${launcherPath} firewall apply called at each boot`];
  return { steps: [module, ...unit, ...reload, ...enable, ...apply], notes };
}
