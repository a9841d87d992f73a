/** Dark modules as one path, each row's neighbours in one stroke. */
export function path(modules: readonly (readonly boolean[])[]): string {
  let d = '';
  modules.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (!row[x]) continue;
      const from = x;
      while (row[x + 1]) x++;
      d += `M${from} ${y}h${x + 1 - from}v1H${from}z`;
    }
  });
  return d;
}
