import type { Hop, Road, Station } from './roads';

/**
 * Where things stand in the drawing. Across is in percent and down in pixels: the drawing takes
 * the width that there is. `tall` is for phones, where the way leads down instead of to the right.
 */
export interface Drawing {
  height: number;
  /** How much of the width a station has to itself, in percent. */
  share: number;
  stations: readonly (Station & { x: number; y: number; colour: Road['colour'] })[];
  hops: readonly (Hop & { x: number; y: number; line: string; colour: Road['colour'] })[];
}

const tile = 56; // px
const words = 48; // below a tile: name and what about it
const step = { wide: 144, tall: 184 } as const;
const top = tile / 2;

export function drawing(roads: readonly Road[], tall: boolean): Drawing {
  const places = new Map<string, { x: number; y: number; colour: Road['colour']; station: Station }>();
  const longest = Math.max(...roads.map((r) => r.stations.length));
  roads.forEach((road, lane) => {
    road.stations.forEach((station, n) => {
      const last = n === road.stations.length - 1;
      // The PC is where all roads end: in the last column, and in the middle of the lanes.
      const along = last ? longest - 1 : n;
      const across = last ? (roads.length - 1) / 2 : lane;
      const place = tall ? { x: ((across + 0.5) / roads.length) * 100, y: top + along * step.tall } : { x: ((along + 0.5) / longest) * 100, y: top + across * step.wide };
      // A road that works gives the PC its colour, the way of the world before the own one.
      const before = places.get(station.id);
      if (!before || road.lit) places.set(station.id, { ...place, colour: road.colour, station });
    });
  });
  const at = (id: string) => places.get(id) ?? { x: 0, y: 0 };
  const hops = roads.flatMap((road) =>
    road.hops.map((hop) => {
      const a = at(hop.from);
      const b = at(hop.to);
      return { ...hop, colour: road.colour, ...(tall ? down(a, b) : right(a, b)) };
    }),
  );
  const stations = [...places.values()].map(({ station, x, y, colour }) => ({ ...station, x, y, colour }));
  const low = Math.max(...stations.map((s) => s.y));
  return { height: low + tile / 2 + words, share: 100 / (tall ? roads.length : longest), stations, hops };
}

interface Point {
  x: number;
  y: number;
}

function right(a: Point, b: Point) {
  const mid = (a.x + b.x) / 2;
  return { x: mid, y: (a.y + b.y) / 2, line: `M${n(a.x)} ${n(a.y)}C${n(mid)} ${n(a.y)} ${n(mid)} ${n(b.y)} ${n(b.x)} ${n(b.y)}` };
}

/** From below the words of one to above the tile of the next. */
function down(a: Point, b: Point) {
  const from = a.y + tile / 2 + words + 8;
  const to = b.y - tile / 2 - 8;
  const mid = (from + to) / 2;
  return { x: (a.x + b.x) / 2, y: mid, line: `M${n(a.x)} ${n(from)}C${n(a.x)} ${n(mid)} ${n(b.x)} ${n(mid)} ${n(b.x)} ${n(to)}` };
}

const n = (v: number) => String(Math.round(v * 100) / 100);
