import type { IconName } from '../ui/icons';
import { t } from './en';

/** What a browser says of itself, in words. It may say anything: a name to recognise it by, no proof. */

const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(A|iOS)?\//, 'Edge'],
  [/\b(OPR|OPX|OPiOS)\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Headless)?Chrom(e|ium)\/|\bCriOS\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];

// Android says Linux too, and iPhones say that they are like Mac OS X.
const systems: readonly (readonly [RegExp, string, IconName])[] = [
  [/\bAndroid\b/, 'Android', 'smartphone'],
  [/\biPhone\b/, 'iPhone', 'smartphone'],
  [/\biPad\b/, 'iPad', 'smartphone'],
  [/\bCrOS\b/, 'ChromeOS', 'laptop'],
  [/\bWindows\b/, 'Windows', 'monitor'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS', 'laptop'],
  [/\bLinux\b|\bX11\b/, 'Linux', 'monitor'],
];

/** "Chrome on Android"; '' for what is no browser that is known here. */
export function agentName(ua: string): string {
  const browser = browsers.find(([sign]) => sign.test(ua))?.[1];
  const system = systems.find(([sign]) => sign.test(ua))?.[1];
  if (browser && system) return t.agent.on(browser, system);
  return browser ?? (system ? t.agent.on(t.agent.browser, system) : '');
}

export function agentIcon(ua: string): IconName {
  return systems.find(([sign]) => sign.test(ua))?.[2] ?? 'monitor';
}
