package files

import (
	"mime"
	"path"
	"strings"
)

// MIMEOf is the media type that a file of this name has. The table is our own:
// what the operating system knows differs from one PC to the next.
func MIMEOf(name string) string {
	ext := path.Ext(name)
	if ext == name { // ".profile" has no extension
		return octets
	}
	if t, ok := mimeTypes[strings.ToLower(strings.TrimPrefix(ext, "."))]; ok {
		return t
	}
	return octets
}

const (
	octets  = "application/octet-stream"
	maxMIME = 255
)

// checkMIME returns the type to store for a file: the given one, or the name's.
func checkMIME(given, name string) (string, error) {
	if given == "" {
		return MIMEOf(name), nil
	}
	if _, _, err := mime.ParseMediaType(given); err != nil || len(given) > maxMIME {
		return "", invalid("mime_type", "The media type is not one.")
	}
	return given, nil
}

var mimeTypes = map[string]string{
	// text
	"txt": "text/plain", "text": "text/plain", "log": "text/plain", "ini": "text/plain", "cfg": "text/plain", "conf": "text/plain", "env": "text/plain",
	"md": "text/markdown", "markdown": "text/markdown", "rst": "text/x-rst", "tex": "text/x-tex", "rtf": "application/rtf",
	"html": "text/html", "htm": "text/html", "xhtml": "application/xhtml+xml", "css": "text/css", "scss": "text/x-scss", "less": "text/x-less",
	"csv": "text/csv", "tsv": "text/tab-separated-values", "ics": "text/calendar", "vcf": "text/vcard", "srt": "application/x-subrip", "vtt": "text/vtt",
	"diff": "text/x-diff", "patch": "text/x-diff",
	// data
	"json": "application/json", "jsonl": "application/jsonl", "ndjson": "application/x-ndjson", "geojson": "application/geo+json", "map": "application/json",
	"webmanifest": "application/manifest+json", "xml": "application/xml", "xsl": "application/xslt+xml", "yaml": "application/yaml", "yml": "application/yaml", "toml": "application/toml",
	"sql": "application/sql", "sqlite": "application/vnd.sqlite3", "db": "application/vnd.sqlite3", "parquet": "application/vnd.apache.parquet",
	"gpx": "application/gpx+xml", "kml": "application/vnd.google-earth.kml+xml", "atom": "application/atom+xml", "rss": "application/rss+xml",
	"car": "application/vnd.ipld.car", "torrent": "application/x-bittorrent",
	// code
	"js": "text/javascript", "mjs": "text/javascript", "cjs": "text/javascript", "jsx": "text/jsx", "ts": "text/x-typescript", "tsx": "text/tsx",
	"vue": "text/x-vue", "svelte": "text/x-svelte", "go": "text/x-go", "rs": "text/x-rust", "py": "text/x-python", "ipynb": "application/x-ipynb+json",
	"rb": "text/x-ruby", "php": "application/x-httpd-php", "pl": "text/x-perl", "lua": "text/x-lua", "c": "text/x-c", "h": "text/x-c", "cc": "text/x-c++", "cpp": "text/x-c++",
	"cxx": "text/x-c++", "hpp": "text/x-c++", "cs": "text/x-csharp", "java": "text/x-java", "kt": "text/x-kotlin", "scala": "text/x-scala", "swift": "text/x-swift",
	"r": "text/x-r", "m": "text/x-objectivec", "sh": "application/x-sh", "bash": "application/x-sh", "zsh": "application/x-sh", "bat": "application/x-bat", "ps1": "application/x-powershell",
	"sol": "text/x-solidity", "wat": "text/x-wat", "proto": "text/x-protobuf", "graphql": "application/graphql",
	// documents
	"pdf": "application/pdf", "ps": "application/postscript", "eps": "application/postscript", "epub": "application/epub+zip", "mobi": "application/x-mobipocket-ebook", "djvu": "image/vnd.djvu",
	"doc": "application/msword", "dot": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"odt":  "application/vnd.oasis.opendocument.text", "ods": "application/vnd.oasis.opendocument.spreadsheet", "odp": "application/vnd.oasis.opendocument.presentation", "odg": "application/vnd.oasis.opendocument.graphics",
	"pages": "application/vnd.apple.pages", "numbers": "application/vnd.apple.numbers", "key": "application/vnd.apple.keynote",
	"eml": "message/rfc822", "msg": "application/vnd.ms-outlook", "mbox": "application/mbox",
	// images
	"jpg": "image/jpeg", "jpeg": "image/jpeg", "jpe": "image/jpeg", "png": "image/png", "apng": "image/apng", "gif": "image/gif", "webp": "image/webp", "avif": "image/avif",
	"heic": "image/heic", "heif": "image/heif", "jxl": "image/jxl", "bmp": "image/bmp", "ico": "image/x-icon", "svg": "image/svg+xml", "tif": "image/tiff", "tiff": "image/tiff",
	"psd": "image/vnd.adobe.photoshop", "xcf": "image/x-xcf", "dng": "image/x-adobe-dng", "cr2": "image/x-canon-cr2", "cr3": "image/x-canon-cr3", "nef": "image/x-nikon-nef", "arw": "image/x-sony-arw",
	// sound
	"mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac", "oga": "audio/ogg", "ogg": "audio/ogg", "opus": "audio/ogg", "flac": "audio/flac", "wav": "audio/wav",
	"weba": "audio/webm", "aif": "audio/aiff", "aiff": "audio/aiff", "mid": "audio/midi", "midi": "audio/midi", "wma": "audio/x-ms-wma", "m3u": "audio/x-mpegurl", "m3u8": "application/vnd.apple.mpegurl",
	// films
	"mp4": "video/mp4", "m4v": "video/mp4", "mov": "video/quicktime", "qt": "video/quicktime", "webm": "video/webm", "mkv": "video/x-matroska", "avi": "video/x-msvideo",
	"mpg": "video/mpeg", "mpeg": "video/mpeg", "ogv": "video/ogg", "wmv": "video/x-ms-wmv", "flv": "video/x-flv", "3gp": "video/3gpp", "mts": "video/mp2t", "m2ts": "video/mp2t",
	// fonts and models
	"woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf", "otf": "font/otf", "glb": "model/gltf-binary", "gltf": "model/gltf+json", "stl": "model/stl", "obj": "model/obj",
	// archives and programs
	"zip": "application/zip", "gz": "application/gzip", "tgz": "application/gzip", "bz2": "application/x-bzip2", "xz": "application/x-xz", "zst": "application/zstd", "lz4": "application/x-lz4",
	"tar": "application/x-tar", "7z": "application/x-7z-compressed", "rar": "application/vnd.rar", "jar": "application/java-archive", "apk": "application/vnd.android.package-archive",
	"deb": "application/vnd.debian.binary-package", "rpm": "application/x-rpm", "dmg": "application/x-apple-diskimage", "iso": "application/x-iso9660-image", "img": "application/x-raw-disk-image",
	"exe": "application/vnd.microsoft.portable-executable", "dll": "application/vnd.microsoft.portable-executable", "msi": "application/x-msi", "appimage": "application/vnd.appimage",
	"wasm": "application/wasm", "bin": octets,
}
