import type { Check } from '../../api/network';
import { onTrial } from '../../state/host';
import type { IconName } from '../../ui/icons';
import { t } from '../../text/en';
import type { Facts } from './roads';

/** What the drawing means, in sentences. */

export interface Said {
  dot: 'direct' | 'relay' | 'local' | 'offline';
  what: string;
  more: string;
  /** What would help: a name. */
  needsName: boolean;
}

export function said(f: Facts): Said {
  const { reach, way } = f;
  const say = (dot: Said['dot'], what: string, more: string, needsName = false): Said => ({ dot, what, more, needsName });
  if (!f.online) return say('offline', t.shell.offline, t.network.askedAgain);
  const trial = onTrial(reach.publicEndpoint);
  switch (reach.path) {
    case 'relay':
      return say('relay', way === 'gateway' ? t.network.overRelay : t.network.byRelay, trial ? t.network.trial : t.network.slower);
    case 'mapped':
      return say('direct', t.network.byRouter, trial ? t.network.trial : t.network.straight);
    case 'direct':
      return say('direct', t.network.directly, trial ? t.network.trial : t.network.straight);
    case 'offline':
      break;
  }
  if (f.superNodes.length === 0) return say('local', t.network.notOutside, t.network.noRelaySet);
  if (reach.publicEndpoint === null) {
    const why = reach.trouble === 'name_taken' ? t.network.nameTaken : reach.trouble === 'name_invalid' ? t.network.nameInvalid : t.network.nameMissing;
    return say('local', t.network.notOutside, why, true);
  }
  return say('offline', t.network.notNow, f.check !== null && f.check.superNodeMs === null ? t.network.relaySilent : t.network.triedAgain);
}

export interface Reader {
  icon: IconName;
  what: string;
  more: string;
  bad: boolean;
}

/** Who can read what is sent: by this window, and by browsers outside. */
export function readers(f: Facts, secure: boolean): Reader[] {
  const list: Reader[] = [];
  const add = (icon: IconName, [what, more]: readonly [string, string], bad = false) => list.push({ icon, what, more, bad });
  if (f.way === 'loopback') add('lock', t.network.readHere);
  if (f.way === 'lan') add(secure ? 'lock' : 'lock-open', secure ? t.network.readOnlyPc : t.network.readLan, !secure);
  const address = f.reach.publicEndpoint;
  if (address === null) return list;
  if (address.startsWith('https:')) add('lock', t.network.readService);
  else if (onTrial(address)) add('lock-open', t.network.readTrial);
  else add('lock-open', t.network.readOpen, true);
  return list;
}

/** "Checked just now: its address answered in 4 ms." */
export function checked(check: Check | null, now: number): string {
  if (check === null) return '';
  const minutes = Math.floor(Math.max(0, now - Date.parse(check.at)) / 60_000);
  const when = minutes < 1 ? t.network.justNow : minutes < 60 ? t.network.minutesAgo(minutes) : t.network.hoursAgo(Math.floor(minutes / 60));
  return check.reached && check.ms !== null ? t.network.checkedGood(when, ms(check.ms)) : t.network.checkedBad(when);
}

export function ms(value: number): string {
  return value < 1 ? t.network.underMs : t.network.ms(Math.round(value));
}
