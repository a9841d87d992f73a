import type { IconName } from '../../ui/icons';

const byEnding: Record<string, IconName> = {};
const put = (icon: IconName, endings: string) => endings.split(' ').forEach((e) => (byEnding[e] = icon));
put('file-image', 'jpg jpeg png gif webp avif heic heif tif tiff bmp svg raw cr2 nef arw dng psd');
put('file-video', 'mp4 m4v mov mkv webm avi wmv mpg mpeg 3gp ts');
put('file-audio', 'mp3 m4a aac flac wav ogg opus wma aiff mid');
put('file-text', 'txt md pdf doc docx odt rtf pages epub tex log');
put('file-spreadsheet', 'xls xlsx ods csv tsv numbers');
put('file-archive', 'zip tar gz tgz bz2 xz zst 7z rar iso dmg deb rpm');
put('file-code', 'js ts tsx jsx svelte py go rs c h cpp java rb php sh html css json yaml yml toml xml sql wasm');

/** The drawing beside a name. */
export function iconOf(name: string, isDir: boolean): IconName {
  if (isDir) return 'folder';
  return byEnding[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? 'file';
}
