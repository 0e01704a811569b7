/** A count with thin groups: `1 234 567`; from ten million on `12.3M`. */
export function formatCount(value: number): string {
  if (Math.abs(value) >= 1e7) return formatScaled(value);
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** Evaluations per second: `0.25/s`, `310/s`, `1.2M/s`. */
export function formatPerSecond(value: number): string {
  if (value >= 1000) return `${formatScaled(value)}/s`;
  return `${value >= 10 || value === 0 ? Math.round(value) : value.toPrecision(2)}/s`;
}

/** A share in percent: `3.14 %`; tiny ones as `2.5e-5 %`. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.01) return `${percent.toExponential(1)} %`;
  // All is said of all alone.
  return `${trimmed(percent < 100 ? Math.min(percent, 99.9) : percent)} %`;
}

/** Acceptance rate with its standard error, or its upper bound while nothing was accepted. */
export function formatRate(rate: number, error: number, upper: number): string {
  return rate > 0 ? `${formatShare(rate)} ± ${formatShare(error)}` : `< ${formatShare(upper)}`;
}

/** A duration: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 2 h`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(whole, 60, 'min', 1, 's');
  if (whole < 86_400) return pair(whole, 3600, 'h', 60, 'min');
  return pair(whole, 86_400, 'd', 3600, 'h');
}

/** A size: `512 B`, `64.0 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Bytes a second as they are given to `--relay-rate`. */
export function formatByteRate(bytesPerSecond: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = bytesPerSecond < 1 ? 0 : Math.min(3, Math.floor(Math.log10(bytesPerSecond) / 3));
  return `${Number((bytesPerSecond / 1000 ** power).toPrecision(3))} ${units[power]}/s`;
}

/** What a peer relays for others, in words. */
export function formatRelaying(bytesPerSecond: number | null): string {
  if (bytesPerSecond === null) return 'as fast as it can';
  return bytesPerSecond === 0 ? 'nothing' : `${formatByteRate(bytesPerSecond)} at most`;
}

/** Enough of a job's id to find it again. */
export function shortJob(job: string): string {
  return job.slice(0, 12);
}

/** Enough of a peer's id to find it again; all begin with the same eight characters. */
export function shortPeer(peer: string): string {
  return peer.slice(0, 16);
}

/** Text of other people for a terminal: control characters would move its cursor. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '\u{fffd}');
}

/** The same of a text of several lines, as a stack is. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

function formatScaled(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T', 'P'];
  let scaled = value;
  let unit = 0;
  while (Math.abs(scaled) >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${trimmed(scaled)}${units[unit]}`;
}

function trimmed(value: number): string {
  if (value >= 100) return value.toFixed(0);
  const text = value.toPrecision(3);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function pair(
  whole: number,
  big: number,
  bigUnit: string,
  small: number,
  smallUnit: string,
): string {
  const rest = Math.floor((whole % big) / small);
  const head = `${Math.floor(whole / big)} ${bigUnit}`;
  return rest === 0 ? head : `${head} ${rest} ${smallUnit}`;
}
