//go:build unix

package provider

import (
	"fmt"
	"io/fs"
	"reflect"
	"syscall"
	"time"
)

// changeTime is the ctime of a file, which can't be set at will.
func changeTime(info fs.FileInfo) time.Time {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.ModTime()
	}
	// The field is named differently on Linux and on the BSDs.
	for _, name := range []string{"Ctim", "Ctimespec"} {
		if field := reflect.ValueOf(*stat).FieldByName(name); field.IsValid() {
			if ctime, ok := reflect.TypeAssert[syscall.Timespec](field); ok {
				return time.Unix(ctime.Unix())
			}
		}
	}
	return info.ModTime()
}

// fileID tells a file from another that took its place.
func fileID(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}
