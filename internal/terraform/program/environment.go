package program

import "strings"

// dropped are variables that must not reach the program: arguments that could
// turn a plan into another one (-target, -refresh=false), logs that quote
// requests with everything in them, and a workspace that the caller names.
var dropped = []string{"TF_CLI_ARGS", "TF_LOG", "TF_WORKSPACE", "TF_REATTACH_PROVIDERS"}

// Environment is the user's, without what would change what a command means,
// and with what keeps the program quiet. dataDir is used in place of .terraform;
// empty leaves TF_DATA_DIR as the environment has it. Without a workspace, it is
// the one that the data folder names.
func Environment(user []string, dataDir, workspace string) []string {
	var env []string
	for _, entry := range user {
		name, _, _ := strings.Cut(entry, "=")
		drop := dataDir != "" && name == "TF_DATA_DIR"
		for _, prefix := range dropped {
			drop = drop || name == prefix || strings.HasPrefix(name, prefix+"_")
		}
		if !drop {
			env = append(env, entry)
		}
	}
	env = append(env, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1")
	if dataDir != "" {
		env = append(env, "TF_DATA_DIR="+dataDir)
	}
	if workspace != "" {
		env = append(env, "TF_WORKSPACE="+workspace)
	}
	return env
}
