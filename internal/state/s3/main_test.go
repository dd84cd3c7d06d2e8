package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"holdfast/internal/lab"
	"holdfast/internal/state"
	"holdfast/internal/state/s3"
)

// emulator is one moto for all tests of the package; each has buckets and
// tables of its own.
var emulator struct {
	sync.Once
	*lab.Emulator
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if emulator.Emulator != nil {
		_ = emulator.Close()
	}
	os.Exit(code)
}

func moto(t *testing.T) *lab.Emulator {
	t.Helper()
	tools := lab.Need(t)
	emulator.Do(func() { emulator.Emulator, emulator.err = lab.Start(context.Background(), tools) })
	if emulator.err != nil {
		t.Fatal(emulator.err)
	}
	return emulator.Emulator
}

// Credentials that must not be seen. moto takes any.
const (
	canaryKey    = "AKIACANARYCANARY0001"
	canarySecret = "canarySecretKey/canarySecretKey+canary00"
	canaryToken  = "canarySessionTokenCanarySessionToken=="
)

var canaries = []string{canaryKey, canarySecret, canaryToken}

// store is a bucket and a lock table of moto's, for one test.
type store struct {
	url           string
	bucket, table string
	objects       *awss3.Client
	items         *dynamodb.Client
	key           string
	digests       bool // put them with the states, as Terraform does with a table
}

var count atomic.Int64

func newStore(t *testing.T) *store {
	t.Helper()
	n := count.Add(1)
	st := &store{url: moto(t).URL(), bucket: fmt.Sprintf("states-%d", n), table: fmt.Sprintf("locks-%d", n), key: "net/prod.tfstate"}
	st.connect("123456789012")
	if _, err := st.objects.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &st.bucket}); err != nil {
		t.Fatal(err)
	}
	_, err := st.items.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &st.table, BillingMode: ddbtypes.BillingModePayPerRequest,
		KeySchema:            []ddbtypes.KeySchemaElement{{AttributeName: aws.String("LockID"), KeyType: ddbtypes.KeyTypeHash}},
		AttributeDefinitions: []ddbtypes.AttributeDefinition{{AttributeName: aws.String("LockID"), AttributeType: ddbtypes.ScalarAttributeTypeS}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// connect makes clients of an account of moto's.
func (st *store) connect(account string) {
	conf := aws.Config{
		Region: "us-east-1", BaseEndpoint: &st.url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient: &http.Client{Transport: inAccount{account}},
	}
	st.objects = awss3.NewFromConfig(conf, func(o *awss3.Options) { o.BaseEndpoint, o.UsePathStyle = &st.url, true })
	st.items = dynamodb.NewFromConfig(conf, func(o *dynamodb.Options) { o.BaseEndpoint = &st.url })
}

// inAccount makes moto take requests as those of an account.
type inAccount struct{ account string }

func (a inAccount) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("x-moto-account-id", a.account)
	return http.DefaultTransport.RoundTrip(r)
}

// keyOf is where a workspace's state is.
func (st *store) keyOf(workspace string) string {
	if workspace == "default" {
		return st.key
	}
	return "env:/" + workspace + "/" + st.key
}

func (st *store) object(t *testing.T, key string, content []byte) {
	t.Helper()
	_, err := st.objects.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &st.bucket, Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		t.Error(err)
	}
}

func (st *store) put(t *testing.T, workspace string, content []byte) {
	t.Helper()
	st.object(t, st.keyOf(workspace), content)
	if st.digests {
		sum := md5.Sum(content)
		st.digest(t, workspace, hex.EncodeToString(sum[:]))
	}
}

func (st *store) digest(t *testing.T, workspace, digest string) {
	t.Helper()
	st.item(t, map[string]string{"LockID": st.bucket + "/" + st.keyOf(workspace) + "-md5", "Digest": digest})
}

func (st *store) item(t *testing.T, attributes map[string]string) {
	t.Helper()
	item := map[string]ddbtypes.AttributeValue{}
	for name, value := range attributes {
		item[name] = &ddbtypes.AttributeValueMemberS{Value: value}
	}
	if _, err := st.items.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &st.table, Item: item}); err != nil {
		t.Error(err)
	}
}

func (st *store) lockItem(t *testing.T, workspace, info string) {
	t.Helper()
	st.item(t, map[string]string{"LockID": st.bucket + "/" + st.keyOf(workspace), "Info": info})
}

func lockJSON(t *testing.T, lock state.Lock) string {
	t.Helper()
	info, err := json.Marshal(map[string]any{
		"ID": lock.ID, "Operation": lock.Operation, "Info": "", "Who": lock.Who, "Version": "1.11.4", "Created": lock.Created, "Path": "x",
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(info)
}

// snapshot is every version of every object, and every item.
func (st *store) snapshot(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	pages := awss3.NewListObjectVersionsPaginator(st.objects, &awss3.ListObjectVersionsInput{Bucket: &st.bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.WithoutCancel(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			all[*v.Key+"@"+aws.ToString(v.VersionId)] = aws.ToString(v.ETag) + v.LastModified.String()
		}
	}
	items, err := st.items.Scan(context.WithoutCancel(t.Context()), &dynamodb.ScanInput{TableName: &st.table})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items.Items {
		line, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		all["item "+item["LockID"].(*ddbtypes.AttributeValueMemberS).Value] = string(line)
	}
	return all
}

// versioned makes the bucket keep old versions.
func (st *store) versioned(t *testing.T) {
	t.Helper()
	_, err := st.objects.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{
		Bucket: &st.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// config is a backend block for the store.
func (st *store) config(more map[string]any) map[string]any {
	config := map[string]any{
		"bucket": st.bucket, "key": st.key, "region": "us-east-1", "endpoints": []any{map[string]any{"s3": st.url, "dynamodb": st.url, "sts": st.url, "iam": nil}},
		"access_key": canaryKey, "secret_key": canarySecret, "token": canaryToken, "max_retries": 1.0, "profile": nil, "use_lockfile": nil,
		"shared_config_files": nil, "skip_region_validation": true, "skip_requesting_account_id": "true", "skip_credentials_validation": true,
		"skip_s3_checksum": true, "encrypt": true, "acl": "private", "kms_key_id": nil, "assume_role": nil,
	}
	maps.Copy(config, more)
	return config
}

// quiet is an environment in which nothing of the user's is found.
var quiet = []string{
	"HOME=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
}

func open(t *testing.T, config map[string]any, env ...string) *s3.Backend {
	t.Helper()
	b, err := s3.New(state.Settings{Config: config, Dir: t.TempDir(), Env: append(append([]string{}, quiet...), env...)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readsOnly says of a request that is no GET whether it only reads.
func readsOnly(r *http.Request) bool {
	target := r.Header.Get("X-Amz-Target")
	return strings.HasSuffix(target, ".GetItem") || strings.HasSuffix(target, ".Query")
}
