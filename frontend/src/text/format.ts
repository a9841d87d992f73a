import { t } from './en';

/** Numbers and times as people say them; the exact value goes into a title. */

const locale = 'en-GB';
const whole = new Intl.NumberFormat(locale);
const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

/** 0 B, 212 KB, 8.4 MB, 642 MB, 18.4 GB. Steps of a thousand, as disks are sold. */
export function size(bytes: number): string {
  const u = unitOf(bytes);
  return `${inUnit(bytes, u)} ${units[u]}`;
}

/** 1.6 of 2.1 GB */
export function sizeOf(part: number, all: number): string {
  const u = unitOf(all);
  return t.format.of(inUnit(part, u), `${inUnit(all, u)} ${units[u]}`);
}

export function exactSize(bytes: number): string {
  return t.format.bytes(bytes, whole.format(bytes));
}

export function count(n: number): string {
  return whole.format(n);
}

/** 38 MB/s */
export function speed(bytesPerSecond: number): string {
  return `${size(bytesPerSecond)}/s`;
}

/** 15 s left, 4 min left, 2 h left */
export function left(seconds: number): string {
  if (seconds < 60) return t.format.secondsLeft(Math.max(1, Math.round(seconds)));
  if (seconds < 3600) return t.format.minutesLeft(Math.round(seconds / 60));
  return t.format.hoursLeft(Math.round(seconds / 3600));
}

/** 4:12, for what runs out while one looks at it. */
export function timer(seconds: number): string {
  return t.format.timer(Math.floor(seconds / 60), String(seconds % 60).padStart(2, '0'));
}

const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' });

/** Today 09:41, Yesterday 18:20, 12 Nov, 12 Nov 2023 */
export function when(seconds: number, now: Date = new Date()): string {
  const at = new Date(seconds * 1000);
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  if (at >= midnight && at.getTime() < midnight.getTime() + 864e5) return t.format.today(clock.format(at));
  const before = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (at >= before && at < midnight) return t.format.yesterday(clock.format(at));
  const day = t.format.day(at.getDate(), at.getMonth());
  return at.getFullYear() === now.getFullYear() ? day : t.format.dayOf(day, at.getFullYear());
}

export function exactTime(seconds: number): string {
  return exact.format(new Date(seconds * 1000));
}

export function clockTime(at: Date): string {
  return clock.format(at);
}

function unitOf(bytes: number): number {
  let u = 0;
  // 999.5 KB would be written "1000 KB".
  for (let n = bytes; n >= 999.5 && u < units.length - 1; n /= 1000) u++;
  return u;
}

function inUnit(bytes: number, unit: number): string {
  const n = bytes / 1000 ** unit;
  return n < 99.95 && unit >= 2 ? String(Math.round(n * 10) / 10) : String(Math.round(n));
}
