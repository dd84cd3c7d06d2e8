package providertest

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Call is something that a provider's process was asked for: a call of the
// plugin protocol, under its name in protocol 6 whatever protocol it came by;
// or Start, when the process began, and Spawn, when it started a child.
type Call struct {
	N        int    `json:"n"` // 1, 2, 3... in a process; in the file, all are in order
	PID      int    `json:"pid"`
	Protocol int    `json:"protocol"`
	Method   string `json:"method"`
	Type     string `json:"type,omitempty"`
	Child    int    `json:"child,omitempty"` // of Spawn: its process id
}

// Changes reports whether the call is one that may change infrastructure or
// state: anything that is not known to only read.
func (c Call) Changes() bool { return !reading[c.Method] }

// reading are the calls that can't change anything.
var reading = map[string]bool{
	"Start": true, "Spawn": true,
	"GetMetadata": true, "GetProviderSchema": true, "GetResourceIdentitySchemas": true, "GetFunctions": true,
	"ValidateProviderConfig": true, "ValidateResourceConfig": true, "ValidateDataResourceConfig": true,
	"ConfigureProvider": true, "StopProvider": true, "UpgradeResourceState": true, "UpgradeResourceIdentity": true,
	"ReadResource": true, "PlanResourceChange": true, "ReadDataSource": true,
}

// inSix are the names in protocol 6 of the calls that protocol 5 names
// otherwise.
var inSix = map[string]string{
	"GetSchema": "GetProviderSchema", "PrepareProviderConfig": "ValidateProviderConfig",
	"ValidateResourceTypeConfig": "ValidateResourceConfig", "ValidateDataSourceConfig": "ValidateDataResourceConfig",
	"Configure": "ConfigureProvider", "Stop": "StopProvider",
}

// methodOf is the name of a call of the plugin protocol; false for go-plugin's
// own.
func methodOf(full string) (string, bool) {
	service, method, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	if six, ok := inSix[method]; ok {
		method = six
	}
	return method, strings.HasPrefix(service, "tfplugin")
}

// recorder appends calls to a file, one a line.
type recorder struct {
	path     string
	protocol int

	mu sync.Mutex
	n  int
}

func (r *recorder) write(c Call) {
	if r.path == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	c.N, c.PID, c.Protocol = r.n, os.Getpid(), r.protocol
	line, err := json.Marshal(c)
	if err == nil {
		err = appendLine(r.path, line)
	}
	if err != nil {
		panic("the test provider can't record a call: " + err.Error())
	}
}

func appendLine(path string, line []byte) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// zombie reports whether a process has ended but nobody has asked how; false
// where that can't be told.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, ok := bytes.Cut(stat, []byte(") "))
	return ok && len(rest) > 0 && rest[0] == 'Z'
}
