package attribution

import (
	"context"
	"errors"
	"io"
	"path"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// tree is where log objects are: a bucket, or a folder.
type tree interface {
	// list gives what is directly below a prefix, which is "" or ends with a
	// slash: the names of folders, with a slash, and of objects. A prefix that
	// isn't there has nothing.
	list(ctx context.Context, prefix string) (folders, objects []string, err error)
	open(ctx context.Context, name string) (io.ReadCloser, error)
	String() string
}

// Objects reads the log objects that a trail delivers.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
type Objects struct {
	tree   tree
	prefix string // of the keys, "" or with a slash at the end
}

func (o *Objects) String() string { return o.tree.String() }

// deliveryDelay is how much later than its events an object may come. Mostly it is
// five minutes.
const deliveryDelay = 24 * time.Hour

// object is a log object, and what its key says.
type object struct{ name, region, account string }

// Each reads the objects of the days and regions that the query asks for, some at
// a time. One that is damaged is a gap; what is before the damage counts.
func (o *Objects) Each(ctx context.Context, q Query, visit func(*Raw)) ([]Gap, error) {
	objects, gaps := o.find(ctx, q)
	work := make(chan object)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range min(max(len(objects), 1), runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for obj := range work {
				if err := o.read(ctx, obj, visit); err != nil && ctx.Err() == nil {
					mu.Lock()
					gaps = append(gaps, Gap{Region: obj.region, Account: obj.account, Where: o.where(obj.name), Reason: reasonOf(err)})
					mu.Unlock()
				}
			}
		})
	}
	for _, obj := range objects {
		select {
		case work <- obj:
		case <-ctx.Done():
		}
	}
	close(work)
	group.Wait()
	return gaps, ctx.Err()
}

func (o *Objects) where(name string) string {
	return strings.TrimSuffix(o.tree.String(), "/") + "/" + name
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return "its compression is damaged"
	}
	return err.Error()
}

func (o *Objects) read(ctx context.Context, obj object, visit func(*Raw)) (err error) {
	file, err := o.tree.open(ctx, obj.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var in io.Reader = file
	if strings.HasSuffix(obj.name, ".gz") {
		unzip, err := gzip.NewReader(file)
		if err != nil {
			return err
		}
		in = unzip
	}
	return scanLog(in, func(raw *Raw) error {
		visit(raw)
		return ctx.Err()
	})
}

// find lists the objects to read.
func (o *Objects) find(ctx context.Context, q Query) ([]object, []Gap) {
	f := &finder{objects: o, ctx: ctx, query: q}
	accounts := f.accounts(o.prefix + "AWSLogs/")
	if len(accounts) == 0 && len(f.gaps) == 0 {
		f.loose(o.prefix, 0)
	}
	there := map[string]bool{}
	for _, account := range accounts {
		there[path.Base(account)] = true
		if len(q.in(path.Base(account)).Places) > 0 {
			f.account(account)
		}
	}
	f.listDays()
	for _, id := range q.accounts() {
		if len(there) > 0 && !there[id] {
			f.gaps = append(f.gaps, Gap{Account: id, Where: o.String(), Reason: "there are no logs of account " + id, Foreign: true})
		}
	}
	if len(f.found) == 0 && len(f.gaps) == 0 && len(accounts) == 0 {
		f.gaps = append(f.gaps, Gap{Where: o.tree.String(), Reason: "there are no CloudTrail logs under " + first(o.prefix, "it") + "; check the bucket and the prefix"})
	}
	return f.found, f.gaps
}

// finder walks a tree of logs: [prefix/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/
// YYYY/MM/DD/.
type finder struct {
	objects *Objects
	ctx     context.Context //nolint:containedctx // of one walk
	query   Query
	days    []dayFolder

	mu    sync.Mutex
	found []object
	gaps  []Gap
}

func (f *finder) list(prefix, region, account string) (folders, objects []string) {
	folders, objects, err := f.objects.tree.list(f.ctx, prefix)
	if err != nil && f.ctx.Err() == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.gaps = append(f.gaps, Gap{Region: region, Account: account, Where: f.objects.where(prefix), Reason: err.Error()})
	}
	return folders, objects
}

// accounts are the folders of accounts, in those of organisations too.
func (f *finder) accounts(prefix string) []string {
	var out []string
	folders, _ := f.list(prefix, "", "")
	for _, folder := range folders {
		name := strings.TrimSuffix(folder, "/")
		switch {
		case strings.HasPrefix(name, "o-"):
			out = append(out, f.accounts(prefix+folder)...)
		case accountID.MatchString(name):
			out = append(out, prefix+folder)
		}
	}
	return out
}

func (f *finder) account(prefix string) {
	account := path.Base(prefix)
	query := f.query.in(account)
	regions, unknown := query.regions()
	if unknown {
		regions = nil
		folders, _ := f.list(prefix+"CloudTrail/", "", account)
		for _, folder := range folders {
			regions = append(regions, strings.TrimSuffix(folder, "/"))
		}
	}
	for _, region := range regions {
		since := query.since(region)
		for _, day := range days(since, query.Until.Add(deliveryDelay)) {
			f.days = append(f.days, dayFolder{prefix + "CloudTrail/" + region + "/" + day + "/", region, account, since})
		}
	}
}

// dayFolder is one of a region's days, and since when its records are of use.
type dayFolder struct {
	folder, region, account string
	since                   time.Time
}

// listings is how many folders are listed at a time: of many accounts and days
// there are thousands.
const listings = 16

// listDays lists the folders of the days, some at a time.
func (f *finder) listDays() {
	work := make(chan dayFolder)
	var group sync.WaitGroup
	for range min(listings, len(f.days)) {
		group.Go(func() {
			for day := range work {
				f.listDay(day)
			}
		})
	}
	for _, day := range f.days {
		if f.ctx.Err() != nil {
			break
		}
		work <- day
	}
	close(work)
	group.Wait()
}

func (f *finder) listDay(day dayFolder) {
	_, objects := f.list(day.folder, day.region, day.account)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range objects {
		if isLog(name) && !tooOld(name, day.since) {
			f.found = append(f.found, object{day.folder + name, day.region, day.account})
		}
	}
}

// days are those from one time to another, in UTC, as they are in keys.
func days(since, until time.Time) []string {
	var out []string
	for day := since.UTC().Truncate(24 * time.Hour); !day.After(until.UTC()); day = day.AddDate(0, 0, 1) {
		out = append(out, day.Format("2006/01/02"))
	}
	return out
}

var delivered = regexp.MustCompile(`_(\d{8}T\d{4}Z)_`)

// tooOld is for objects that were delivered before the window began.
func tooOld(name string, since time.Time) bool {
	m := delivered.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	at, err := time.Parse("20060102T1504Z", m[1])
	return err == nil && at.Add(time.Minute).Before(since)
}

func isLog(name string) bool {
	return strings.HasSuffix(name, ".json.gz") || strings.HasSuffix(name, ".json")
}

// maxLoose is how deep folders of logs in no known layout may lie.
const maxLoose = 10

// loose takes all logs below a folder that somebody copied there.
func (f *finder) loose(prefix string, depth int) {
	folders, objects := f.list(prefix, "", "")
	for _, name := range objects {
		if isLog(name) && !tooOld(name, f.query.since("")) {
			f.found = append(f.found, object{name: prefix + name})
		}
	}
	if depth >= maxLoose || f.ctx.Err() != nil {
		return
	}
	for _, folder := range folders {
		if !strings.HasPrefix(folder, "CloudTrail-") {
			f.loose(prefix+folder, depth+1)
		}
	}
}

// clean makes a prefix end with a slash, unless it is empty.
func clean(prefix string) string {
	prefix = strings.Trim(prefix, "/")
	if i := strings.Index(prefix+"/", "AWSLogs/"); i == 0 || i > 0 && prefix[i-1] == '/' {
		prefix = strings.Trim(prefix[:i], "/") // people copy the whole of it
	}
	if prefix == "" {
		return ""
	}
	return prefix + "/"
}
