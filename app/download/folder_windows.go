package download

import "golang.org/x/sys/windows"

// Folder is where this user finds downloads; it may have been moved to another disk.
func Folder() (string, error) {
	return windows.KnownFolderPath(windows.FOLDERID_Downloads, windows.KF_FLAG_CREATE)
}
