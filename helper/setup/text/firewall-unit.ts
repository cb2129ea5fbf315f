import { launcherPath } from "../paths.ts";

/**
 * The ports of direct exports are shut before there is a network. A firewall of the host's own that begins with "flush ruleset" takes
 * our table with it: hence after it, and again when it is restarted. Until then the helper refuses direct exports.
 */
export function firewallUnitText(): string {
  return `# luksmith remote setup
[Unit]
Description=luksmith-helper: the ports of direct exports are shut
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
After=local-fs.target nftables.service
PartOf=nftables.service
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${launcherPath} firewall apply

[Install]
WantedBy=multi-user.target
`;
}
