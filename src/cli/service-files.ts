/** What a service runs, and as what. */
export interface ServiceSpec {
  /** `meshd`, or with the home's hash behind it. */
  readonly name: string;
  /** Absolute paths of node and of the command, then its arguments. No secret is among them. */
  readonly command: readonly string[];
  /** Absolute. */
  readonly home: string;
}

/** Time for a drain before the system kills the peer, in seconds: more than its grace. */
const STOP_SECONDS = 40;

/** Between the end of a peer that failed and its next start, in seconds. */
const RESTART_SECONDS = 10;

/**
 * A systemd user unit. The main process alone is told to end: it drains, and ends its executors.
 * @see systemd.service(5), systemd.syntax(7)
 */
export function systemdUnit({ command, home }: ServiceSpec): string {
  return `[Unit]
Description=meshd peer (${specifierFree(home)})
StartLimitIntervalSec=0

[Service]
ExecStart=${command.map(systemdWord).join(' ')}
Restart=on-failure
RestartSec=${RESTART_SECONDS}
KillMode=mixed
TimeoutStopSec=${STOP_SECONDS}

[Install]
WantedBy=default.target
`;
}

/** A word of a command line as systemd takes it apart again. */
function systemdWord(word: string): string {
  return `"${specifierFree(word).replace(/["\\]/g, '\\$&').replace(/\$/g, '$$$$')}"`;
}

function specifierFree(text: string): string {
  return text.replace(/%/g, '%%');
}

/** A launchd agent. @see launchd.plist(5) */
export function launchdAgent({ name, command, home }: ServiceSpec): string {
  const words = command.map((word) => `    <string>${xml(word)}</string>`).join('\n');
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN"
  "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${xml(name)}</string>
  <key>ProgramArguments</key>
  <array>
${words}
  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>${RESTART_SECONDS}</integer>
  <key>ExitTimeOut</key>
  <integer>${STOP_SECONDS}</integer>
  <key>StandardErrorPath</key>
  <string>${xml(`${home}/service.log`)}</string>
</dict>
</plist>
`;
}

/** A task of the Windows scheduler that starts when this user logs on. */
export function windowsTask({ command }: ServiceSpec): string {
  const [program = '', ...words] = command;
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers>
    <LogonTrigger><Enabled>true</Enabled></LogonTrigger>
  </Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
  </Settings>
  <Actions>
    <Exec>
      <Command>${xml(program)}</Command>
      <Arguments>${xml(words.map(windowsWord).join(' '))}</Arguments>
    </Exec>
  </Actions>
</Task>
`;
}

/** Backslashes count double only where a quotation mark follows. @see CommandLineToArgvW */
function windowsWord(word: string): string {
  if (/^[\w:\\./-]+$/.test(word) && !word.endsWith('\\')) return word;
  return `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/\\+$/, '$&$&')}"`;
}

function xml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
