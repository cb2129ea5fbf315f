/** A session that began before goes on writing to the old file; it ends within a backup's time. */
export function logrotateText(logFile: string): string {
  return `# luksmith remote setup
${logFile} {
    weekly
    rotate 8
    missingok
    notifempty
    compress
    delaycompress
}
`;
}
