/** The log of all sessions of all machines. What one can have written is limited by the helper as well. */
export function logrotateText(logFile: string): string {
  return `# luksmith remote setup: sessions under way go on in the older file
${logFile} {
    weekly
    maxsize 50M
    rotate 12
    compress
    delaycompress
    missingok
    notifempty
    create 0600 root root
}
`;
}
