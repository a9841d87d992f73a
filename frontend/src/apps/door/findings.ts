import type { Check, Network, Reach } from '../../api/network';
import { hostOf, onTrial } from '../../state/host';
import { ms } from '../network/says';
import { t } from '../../text/en';

/** What the check of the first run has found, line by line, in words. */
export interface Finding {
  state: 'looking' | 'good' | 'bad' | 'info';
  what: string;
  more: string;
}

export interface Asked {
  reach: Reach;
  superNodes: Network['superNodes'];
  /** Null while nothing is known yet. */
  check: Check | null;
  busy: boolean;
}

export function findings({ reach, superNodes, check, busy }: Asked): Finding[] {
  const trial = onTrial(reach.publicEndpoint);
  const open = reach.path !== 'offline';
  const relay = hostOf(`http://${reach.superNode?.address ?? superNodes[0]?.address ?? ''}`).replace(/:\d+$/, '');
  const line = (known: boolean | null, looking: string, good: readonly [string, string], bad: readonly [string, string]): Finding => {
    if (known === null || (!known && busy)) return { state: 'looking', what: looking, more: '' };
    const [what, more] = known ? good : bad;
    return { state: known ? 'good' : 'bad', what, more };
  };
  const path = open ? (reach.path as 'relay' | 'mapped' | 'direct') : 'relay';
  const list = [
    line(
      check === null ? null : check.superNodeMs !== null,
      t.setup.relayLooking,
      [t.setup.relayGood, t.setup.relayAway(trial ? t.network.onThisPc : relay, ms(check?.superNodeMs ?? 0))],
      [t.setup.relayBad, trial ? t.setup.relayBadTrial : t.setup.relayBadWhat],
    ),
    line(open || (check === null ? null : false), t.setup.wayLooking, [t.setup.wayGood[path], trial ? t.setup.wayTrial : t.setup.wayWhat[path]], [t.setup.wayBad, t.setup.wayBadWhat]),
  ];
  // Without a way in there is nothing to call.
  if (open || busy) list.push(line(check === null ? null : check.reached, t.setup.callLooking, [t.setup.callGood, hostOf(reach.publicEndpoint)], [t.setup.callBad, t.setup.callBadWhat]));
  if (reach.path === 'relay' && reach.hint && !busy) list.push({ state: 'info', what: t.network.better, more: reach.hint });
  if (check?.reached && !busy) list.push(lock(reach.publicEndpoint ?? '', trial));
  return list;
}

function lock(address: string, trial: boolean): Finding {
  const [what, more] = address.startsWith('https:') ? t.network.readService : trial ? t.network.readTrial : t.network.readOpen;
  return { state: trial || address.startsWith('https:') ? 'info' : 'bad', what, more };
}
