package attribution

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/drift"
)

// What BenchmarkAttribute must keep to.
const (
	barTime   = 20 * time.Second
	barMemory = 300_000_000 // bytes
)

// BenchmarkAttribute matches 1,000,000 records in 200 files against 500 findings.
// All records are of services of the findings, one in 50 is of one of their
// objects, and every second one only reads, as in real logs more do.
func BenchmarkAttribute(b *testing.B) {
	dir := b.TempDir()
	const files, perFile, findings = 200, 5000, 500
	writeLogs(b, dir, files, perFile, findings)
	var peak uint64
	for b.Loop() {
		targets := make([]*Target, findings)
		for i := range targets {
			targets[i] = benchTarget(i)
		}
		stop := watchHeap(&peak)
		counted := &counting{Source: NewFolder(dir)}
		causes, err := Attribute(b.Context(), []Source{counted}, targets, Options{Since: base, Until: base.Add(72 * time.Hour)})
		stop()
		if err != nil {
			b.Fatal(err)
		}
		if n := counted.n.Load(); n != files*perFile {
			b.Fatalf("%d records were seen", n)
		}
		for i, c := range causes {
			if c.EventID == "" || len(c.Gaps) > 0 {
				b.Fatalf("finding %d: %s", i, c.Summary)
			}
		}
	}
	b.ReportMetric(float64(peak)/1e6, "MB-peak")
	if took := b.Elapsed() / time.Duration(b.N); took > barTime || peak > barMemory {
		b.Errorf("%s and %d MB; the bars are %s and %d MB", took, peak/1e6, barTime, uint64(barMemory/1e6))
	}
}

// counting counts the records of a source.
type counting struct {
	Source
	n atomic.Int64
}

func (c *counting) Each(ctx context.Context, q Query, visit func(*Raw)) ([]Gap, error) {
	return c.Source.Each(ctx, q, func(r *Raw) { c.n.Add(1); visit(r) })
}

// watchHeap notes the most memory that Go had from the system.
func watchHeap(peak *uint64) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			*peak = max(*peak, m.Sys-m.HeapReleased)
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

func benchTarget(i int) *Target {
	name := fmt.Sprintf("service-%03d-handler", i)
	f := &drift.Finding{Type: "aws_lambda_function", Kind: drift.Modified, Changes: []drift.Change{{Path: "memory_size", Expected: []byte("128"), Actual: []byte("512")}}}
	return &Target{Finding: f, Identifiers: []drift.Identifier{{Name: "arn", Value: arn("lambda", "function:"+name)}, {Name: "function_name", Value: name}, {Name: "id", Value: name}}}
}

func writeLogs(b *testing.B, dir string, files, perFile, findings int) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	for file := range files {
		at := base.Add(time.Duration(file) * 10 * time.Minute)
		day := filepath.Join(dir, "AWSLogs", "111111111111", "CloudTrail", "us-east-1", at.Format("2006/01/02"))
		if err := os.MkdirAll(day, 0o700); err != nil {
			b.Fatal(err)
		}
		f, err := os.Create(filepath.Join(day, fmt.Sprintf("111111111111_CloudTrail_us-east-1_%s_%d.json.gz", at.Add(5*time.Minute).Format("20060102T1504Z"), file)))
		if err != nil {
			b.Fatal(err)
		}
		zip := gzip.NewWriter(f)
		w := bufio.NewWriter(zip)
		fmt.Fprint(w, `{"Records":[`)
		for i := range perFile {
			if i > 0 {
				fmt.Fprint(w, ",")
			}
			name := fmt.Sprintf("other-%d", r.IntN(100_000))
			if r.IntN(50) == 0 || file == 0 && i < findings {
				name = fmt.Sprintf("service-%03d-handler", (file*perFile+i)%findings)
			}
			fmt.Fprintf(w, benchRecord, 7, at.Add(time.Duration(i%600)*time.Second).Format(time.RFC3339), name, name, name, r.Uint64(), i, file, i%2 == 1 && file > 0)
		}
		fmt.Fprint(w, "]}")
		for _, end := range []func() error{w.Flush, zip.Close, f.Close} {
			if err := end(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

const benchRecord = `{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEEXAMPLE:session","arn":"arn:aws:sts::111111111111:assumed-role/deploy/session-%d","accountId":"111111111111","accessKeyId":"ASIAEXAMPLEEXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEEXAMPLE","arn":"arn:aws:iam::111111111111:role/deploy","accountId":"111111111111","userName":"deploy"},"attributes":{"creationDate":"2026-11-20T09:00:00Z","mfaAuthenticated":"false"}}},"eventTime":%q,"eventSource":"lambda.amazonaws.com","eventName":"UpdateFunctionConfiguration20150331v2","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.44","userAgent":"Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1 os/linux#5.10 md/arch#x86_64 lang/python#3.11.7","requestParameters":{"functionName":%q,"memorySize":512},"responseElements":{"functionName":%q,"functionArn":"arn:aws:lambda:us-east-1:111111111111:function:%s","runtime":"nodejs20.x","role":"arn:aws:iam::111111111111:role/service-role","handler":"index.handler","codeSize":1234,"timeout":3,"memorySize":512,"tracingConfig":{"mode":"PassThrough"},"architectures":["x86_64"],"ephemeralStorage":{"size":512}},"requestID":"b7b8c9d0-1111-2222-3333-%016x","eventID":"e-%d-%d","readOnly":%t,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"lambda.us-east-1.amazonaws.com"}}`
