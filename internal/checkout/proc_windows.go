package checkout

import "os/exec"

func isolate(*exec.Cmd) {}
