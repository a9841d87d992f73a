import type { Session } from '../../api/sessions';
import { agentIcon, agentName } from '../../text/agent';
import { t } from '../../text/en';
import { when } from '../../text/format';
import type { IconName } from '../../ui/icons';

/** One session as a person knows it. */
export interface Device {
  uuid: string;
  name: string;
  icon: IconName;
  current: boolean;
  /** Where, how it came in, when it was used last. */
  about: string;
}

export function deviceOf(s: Session, now: Date = new Date()): Device {
  const words = s.kind === 'web' ? agentName(s.last_user_agent) : '';
  const name = words || s.label || t.devices.kinds[s.kind];
  const via = t.devices.via[s.created_via] ?? '';
  // The browser's own name for itself is mostly the same words.
  const label = s.label !== '' && s.label !== name ? s.label : '';
  return {
    uuid: s.uuid,
    name,
    icon: s.kind === 'web' ? agentIcon(s.last_user_agent) : 'key-round',
    current: s.current,
    about: [label, s.last_ip, via, s.current ? t.devices.since(lower(when(seconds(s.created_at), now))) : used(s.last_activity, now)].filter(Boolean).join(' · '),
  };
}

/** This one first, then the ones used last. */
export function inOrder(list: readonly Session[]): Session[] {
  return list.toSorted((a, b) => Number(b.current) - Number(a.current) || b.last_activity.localeCompare(a.last_activity) || a.uuid.localeCompare(b.uuid));
}

/** The node writes it down every five minutes at most: nothing newer than that can be told apart. */
export function used(iso: string, now: Date): string {
  const minutes = Math.floor((now.getTime() / 1000 - seconds(iso)) / 60);
  if (minutes < 6) return t.devices.usedNow;
  if (minutes < 60) return t.devices.usedMinutes(minutes);
  return t.devices.used(lower(when(seconds(iso), now)));
}

export const seconds = (iso: string) => Date.parse(iso) / 1000;

// Dates begin with a digit, and stay as they are.
const lower = (s: string) => s.charAt(0).toLowerCase() + s.slice(1);
