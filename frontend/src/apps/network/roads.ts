import type { Check, Network, Reach } from '../../api/network';
import { hostOf, onTrial } from '../../state/host';
import type { IconName } from '../../ui/icons';
import { t } from '../../text/en';

/** The ways to this PC that exist now, station by station. What is not known is not drawn. */

export type Way = 'loopback' | 'lan' | 'gateway';
export type Colour = 'direct' | 'relay' | 'local';

export interface Facts {
  /** How this window came in. */
  way: Way;
  /** The node answers this window. */
  online: boolean;
  browser: string;
  icon: IconName;
  reach: Reach;
  superNodes: Network['superNodes'];
  check: Check | null;
  /** Milliseconds from this window to the node and back, and to the gateway and back. */
  here: number | null;
  edge: number | null;
}

export interface Station {
  id: 'browser' | 'others' | 'service' | 'relay' | 'router' | 'pc';
  icon: IconName;
  name: string;
  about: string;
  lit: boolean;
}

export interface Hop {
  from: Station['id'];
  to: Station['id'];
  lit: boolean;
  ms: number | null;
}

/** From somewhere to this PC; the last station of every road is the PC itself. */
export interface Road {
  colour: Colour;
  lit: boolean;
  stations: readonly Station[];
  hops: readonly Hop[];
}

export function roads(f: Facts): Road[] {
  const { reach, way } = f;
  const named = reach.publicEndpoint !== null;
  const pc: Station = {
    id: 'pc',
    icon: 'house',
    name: way === 'loopback' ? t.network.thisPc : t.network.yourPc,
    about: !f.online ? (way === 'gateway' && f.edge === null ? t.network.unseen : t.network.silent) : hostOf(reach.publicEndpoint) || t.network.noName,
    lit: f.online,
  };
  const browser: Station = { id: 'browser', icon: f.icon, name: t.network.thisBrowser, about: f.browser, lit: true };
  const world = fromOutside(f, named);
  if (way === 'gateway') {
    const [first = '', ...more] = world.ids;
    const hops = hopsOf(['browser', first, ...more, 'pc'], f.online && world.open, (n) => hereMs(f, n));
    return [{ colour: world.colour, lit: f.online && world.open, stations: [browser, ...world.stations(f.online && world.open), pc], hops }];
  }
  const own: Road = { colour: 'local', lit: f.online, stations: [browser, pc], hops: [{ from: 'browser', to: 'pc', lit: f.online, ms: f.here }] };
  if (f.superNodes.length === 0) return [own];
  const lit = f.online && world.open;
  const trial = onTrial(reach.publicEndpoint);
  const there = trial ? t.network.othersTrialThere : t.network.othersThere;
  const others: Station = { id: 'others', icon: 'smartphone', name: trial ? t.network.othersTrial : t.network.others, about: named ? there : t.network.othersNot, lit };
  // How far a stranger's browser is from the relay nobody knows.
  const hops = hopsOf(['others', ...world.ids, 'pc'], lit, (n) => (n === 1 ? (f.check?.superNodeMs ?? null) : null));
  return [own, { colour: world.colour, lit, stations: [others, ...world.stations(lit), pc], hops }];
}

/** What stands between a browser anywhere and this PC. */
function fromOutside(f: Facts, named: boolean) {
  const { reach } = f;
  const open = named && reach.path !== 'offline';
  const host = (reach.superNode?.address ?? f.superNodes[0]?.address ?? '').replace(/:\d+$/, '');
  // Where the own address leads to this machine, so does the relay's.
  const at = onTrial(reach.publicEndpoint) || /^(127\.|\[?::1)/.test(host) ? t.network.onThisPc : host;
  // A window from outside sees the gateway itself; one at home hears of it.
  const answers = f.way === 'gateway' ? f.edge !== null : f.online && f.check !== null && f.check.superNodeMs === null ? false : null;
  const station = (id: 'relay' | 'service' | 'router', icon: IconName, name: string, inUse: string) => (lit: boolean) => ({
    id,
    icon,
    name,
    about: lit ? inUse : !named ? t.network.waiting : answers === null ? t.network.unused : answers ? t.network.answers : t.network.silent,
    lit,
  });
  const service = station('service', 'server', t.network.service, at);
  const router = station('router', 'router', t.network.router, t.network.opened);
  const relay = station('relay', 'server', t.network.relay, at ? t.network.inUse(at) : t.network.inUsePlain);
  const makers = reach.path === 'mapped' ? [service, router] : reach.path === 'direct' ? [service] : [relay];
  const colour: Colour = reach.path === 'mapped' || reach.path === 'direct' ? 'direct' : 'relay';
  return { open, colour, ids: makers.map((m) => m(false).id), stations: (lit: boolean): Station[] => makers.map((m) => m(lit)) };
}

function hopsOf(ids: readonly string[], lit: boolean, ms: (n: number) => number | null): Hop[] {
  return ids.slice(0, -1).map((from, n) => ({ from: from as Station['id'], to: ids[n + 1] as Station['id'], lit, ms: lit ? ms(n) : null }));
}

/** This window's own hops: to the gateway as it feels it, and from there what remains. How far a router is from its PC nobody measures. */
function hereMs(f: Facts, n: number): number | null {
  if (n === 0) return f.edge;
  return n > 1 || f.here === null || f.edge === null ? null : Math.max(0, f.here - f.edge);
}
