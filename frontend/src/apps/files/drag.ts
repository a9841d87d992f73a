/** What is dragged over the page: files from outside, or entries from the list. */

const own = 'application/x-pc2-entries';

export function carriesFiles(data: DataTransfer): boolean {
  return data.types.includes('Files') && !data.types.includes(own);
}

export function carriesEntries(data: DataTransfer): boolean {
  return data.types.includes(own);
}

export function carry(data: DataTransfer, uids: readonly string[]): void {
  data.effectAllowed = 'move';
  data.setData(own, JSON.stringify(uids));
}

export function droppedEntries(data: DataTransfer): string[] {
  try {
    const list: unknown = JSON.parse(data.getData(own));
    return Array.isArray(list) ? list.filter((x) => typeof x === 'string') : [];
  } catch {
    return [];
  }
}
