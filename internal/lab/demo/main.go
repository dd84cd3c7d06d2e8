// The demo applies the device-token example to an emulated AWS, shows that it
// is clean, changes it by hand through the AWS API, and has Holdfast find what
// drifted. It ends by itself and leaves nothing behind.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
)

func main() {
	holdfast := flag.String("holdfast", "bin/holdfast", "the program to show")
	example := flag.String("example", "examples/device-tokens", "the root module to apply")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, *holdfast, *example)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// change is something that somebody does by hand.
type change struct {
	who  string // an access key of callers
	what string
	call lab.Call
}

// callers are the people who change things, by their access keys.
var callers = map[string]lab.Caller{
	"AKIAALICE": {
		Identity: map[string]any{"type": "IAMUser", "arn": "arn:aws:iam::" + lab.TrailAccount + ":user/alice", "accountId": lab.TrailAccount, "userName": "alice"},
		Console:  true, UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", SourceIP: "198.51.100.7",
	},
	"ASIASCALER": {
		Identity: map[string]any{
			"type": "AssumedRole", "arn": "arn:aws:sts::" + lab.TrailAccount + ":assumed-role/scaler/nightly", "accountId": lab.TrailAccount,
			"sessionContext": map[string]any{"sessionIssuer": map[string]any{"type": "Role", "arn": "arn:aws:iam::" + lab.TrailAccount + ":role/scaler", "userName": "scaler"}},
		},
		SourceIP: "192.0.2.44",
	},
}

const (
	alice  = "AKIAALICE"
	scaler = "ASIASCALER"
)

// settings has Holdfast ask who it was.
const settings = "version: 1\nattribution:\n  lookup_events:\n    - account: \"" + lab.TrailAccount + "\"\n"

// changes are made the way people make them: in the console or with the CLI,
// one at a time, meaning well.
func changes(keyPolicy string) []change {
	const function = "${aws_lambda_function.device_token.function_name}"
	return []change{
		{scaler, "more memory and time for the Lambda function", lab.Call{Service: "lambda", Method: "update_function_configuration",
			Params: map[string]any{"FunctionName": function, "MemorySize": 512, "Timeout": 60}}},
		{alice, "logs kept for a year", lab.Call{Service: "logs", Method: "put_retention_policy",
			Params: map[string]any{"logGroupName": "${aws_cloudwatch_log_group.device_token.name}", "retentionInDays": 365}}},
		{alice, "the role's inline policy widened to *", lab.Call{Service: "iam", Method: "put_role_policy",
			Params: map[string]any{
				"RoleName": "${aws_iam_role.device_token.name}", "PolicyName": "${aws_iam_role_policy.device_token.name}",
				"PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Sid":"WriteDeviceTokens","Effect":"Allow","Action":"*","Resource":"*"}]}`,
			}}},
		{alice, "an alarm deleted", lab.Call{Service: "cloudwatch", Method: "delete_alarms",
			Params: map[string]any{"AlarmNames": []any{"${aws_cloudwatch_metric_alarm.lambda_errors.alarm_name}"}}}},
		{scaler, "a tag added to the role", lab.Call{Service: "iam", Method: "tag_role",
			Params: map[string]any{"RoleName": "${aws_iam_role.device_token.name}", "Tags": []any{map[string]any{"Key": "owner", "Value": "bob"}}}}},
		{alice, "the key's policy rewritten, but the same (this must not count)", lab.Call{Service: "kms", Method: "put_key_policy",
			Params: map[string]any{"KeyId": "${aws_kms_key.device_tokens.key_id}", "PolicyName": "default", "Policy": keyPolicy}}},
	}
}

// run is the demo. An error means that it did not show what it should.
func run(ctx context.Context, w io.Writer, holdfast, example string) error {
	holdfast, err := filepath.Abs(holdfast)
	if err != nil {
		return err
	}
	tools, err := lab.FindTools()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "holdfast-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	say(w, "Starting an emulated AWS and applying %s (half a minute)", example)
	emulator, err := lab.Start(ctx, tools)
	if err != nil {
		return err
	}
	defer emulator.Close()
	stack, err := lab.NewStack(ctx, tools, emulator, example, filepath.Join(dir, "device-tokens"))
	if err != nil {
		return err
	}
	if err := stack.Apply(ctx); err != nil {
		return err
	}
	trail, err := lab.NewTrail(tools, emulator.URL(), time.Now)
	if err != nil {
		return err
	}
	defer trail.Close()
	for key, caller := range callers {
		trail.Introduce(key, caller)
	}
	if err := os.WriteFile(filepath.Join(dir, "holdfast.yaml"), []byte(settings), 0o600); err != nil {
		return err
	}
	d := &demo{w: w, holdfast: holdfast, stack: stack, emulator: emulator, trail: trail, cache: filepath.Join(dir, "cache")}

	say(w, "Freshly applied, and nothing changed since")
	if err := d.check(ctx, drift.ExitClean); err != nil {
		return err
	}
	say(w, "Somebody changes things by hand")
	if err := d.mutate(ctx); err != nil {
		return err
	}
	say(w, "What drifted?")
	return d.check(ctx, drift.ExitDrift)
}

func say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "\n=== "+format+"\n", args...)
}

type demo struct {
	w               io.Writer
	holdfast, cache string
	stack           *lab.Stack
	emulator        *lab.Emulator
	trail           *lab.Trail // what is changed goes through it
}

// check runs holdfast as a user would, and insists on its exit code.
func (d *demo) check(ctx context.Context, want int) error {
	fmt.Fprintf(d.w, "\n$ holdfast check device-tokens\n")
	cmd := exec.CommandContext(ctx, d.holdfast, "check", filepath.Base(d.stack.Dir))
	cmd.Dir = filepath.Dir(d.stack.Dir)
	cmd.Env = append(d.stack.Env(), "HOLDFAST_CACHE_DIR="+d.cache, "AWS_ENDPOINT_URL_CLOUDTRAIL="+d.trail.URL())
	cmd.Stdout, cmd.Stderr = d.w, d.w
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	fmt.Fprintf(d.w, "(exit code %d)\n", cmd.ProcessState.ExitCode())
	if got := cmd.ProcessState.ExitCode(); got != want {
		return fmt.Errorf("holdfast check ended with exit code %d, expected %d", got, want)
	}
	return nil
}

func (d *demo) mutate(ctx context.Context) error {
	policy, err := d.rewrittenKeyPolicy(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.w)
	for _, c := range changes(policy) {
		c.call.Endpoint, c.call.Key = d.trail.URL(), c.who
		if _, err := d.stack.Call(ctx, d.emulator, c.call); err != nil {
			return err
		}
		fmt.Fprintf(d.w, "  %-18s %s\n", c.call.Service, c.what)
	}
	return nil
}

// rewrittenKeyPolicy is the key's policy in another key order and layout.
func (d *demo) rewrittenKeyPolicy(ctx context.Context) (string, error) {
	answer, err := d.stack.Call(ctx, d.emulator, lab.Call{Service: "kms", Method: "get_key_policy",
		Params: map[string]any{"KeyId": "${aws_kms_key.device_tokens.key_id}", "PolicyName": "default"}})
	if err != nil {
		return "", err
	}
	before, _ := answer["Policy"].(string)
	var document any
	if err := json.Unmarshal([]byte(before), &document); err != nil {
		return "", fmt.Errorf("the key's policy: %w", err)
	}
	after, err := json.MarshalIndent(document, "", "    ")
	if string(after) == before {
		return "", errors.New("the key's policy could not be written in another way")
	}
	return string(after), err
}
