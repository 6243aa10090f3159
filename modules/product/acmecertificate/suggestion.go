package acmecertificate

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"
	"github.com/go-acme/lego/v4/certificate"

	"github.com/rcprov/rcprov/modules/observe"
)

// A suggestion is when the CA wants a certificate to be renewed (ARI, RFC 9773): in the middle of its life, or at once if it is
// going to be revoked. Three places keep one until AskAt: the note beside the certificate, from when it was issued; a file of the
// host's timer, which asks twice a day; and the cache of this machine. A look asks the CA only when what the host has is too
// old: then it takes one more trip, to the CA, of suggestionLimit at most, at the end of the host's round trip. It writes nothing
// to the host, for a look changes nothing there.
type suggestion struct {
	Fingerprint string    `json:"fingerprint"`       // SHA-256 of the certificate, lowercase hex
	RenewAt     time.Time `json:"renewAt,omitzero"`  // a time in the CA's window; zero: it suggests none
	AskAt       time.Time `json:"askAgain,omitzero"` // when the CA may suggest something else
}

const (
	// suggestionLimit bounds the trips to a CA for suggestions: a look doesn't wait for a CA that doesn't answer.
	suggestionLimit = 2 * time.Second

	// usualPause is when to ask again if the CA doesn't say so, failedPause if it gave no answer (RFC 9773, section 4.3.2).
	usualPause  = 6 * time.Hour
	failedPause = time.Hour
)

// pauseFrom returns when to ask again by a CA's Retry-After, within the limits of RFC 9773, section 4.3.2; 0 is none.
func pauseFrom(after time.Duration) time.Duration {
	if after <= 0 {
		return usualPause
	}
	return min(max(after, time.Minute), 24*time.Hour)
}

func fingerprintOf(leaf *x509.Certificate) string { return observe.Fingerprint(leaf.Raw) }

// momentIn returns the time in the CA's window at which leaf is to be renewed. RFC 9773, section 4.2, wants it to be random; it is
// so by the certificate, and therefore the same for the host and for each machine that asks. renew.sh has the same sum.
func momentIn(w acme.Window, leaf *x509.Certificate) time.Time {
	sum := sha256.Sum256(leaf.Raw)
	length := max(w.End.Sub(w.Start), 0)
	return w.Start.Add(length / 65536 * time.Duration(binary.BigEndian.Uint16(sum[:]))).UTC().Truncate(time.Second)
}

// inquiry is the question when a CA wants the certificate of a host to be renewed.
type inquiry struct {
	Pair
	directory, roots string
	note, timer      string // paths on the host
	cache            string // a directory on this machine; empty: none
}

func (i *Issue) inquiry() inquiry {
	return inquiry{i.Pair, i.Directory, string(i.Roots), i.originPath(), i.timerCache(), i.cache}
}

// timerCache is the file in which the timer of the host keeps the CA's suggestion.
func (i *Issue) timerCache() string { return i.base() + ".renewal" }

// suggestions answers an inquiry. The zero suggestion is that of a CA which wasn't asked, because the host has a fresh answer, or
// gave no answer.
var suggestions = &observe.Probe[inquiry, suggestion]{
	Name: "renewal information", After: func(ctx context.Context, _ observe.Dial, q inquiry, seen *observe.Snapshot) (suggestion, error) {
		return q.answer(ctx, seen), ctx.Err()
	},
	Future: func(_ *observe.Forecast, _ inquiry, seen suggestion) observe.Outlook[suggestion] {
		return observe.Outlook[suggestion]{Answer: observe.Answer[suggestion]{Value: seen}}
	},
}

// known returns the suggestion for leaf that the host has; of the timer's and the note's, the newer one.
func (q inquiry) known(s *observe.Snapshot, leaf *x509.Certificate) suggestion {
	var best suggestion
	if note, err := observe.File.Get(s, observe.FileQuestion{Path: q.note, Content: true}); err == nil {
		from := readOrigin(note.Content, leaf)
		best.RenewAt, best.AskAt = from.RenewAt, from.AskAt
	}
	if file, err := observe.File.Get(s, observe.FileQuestion{Path: q.timer, Content: true}); err == nil {
		if timer := readTimerCache(file.Content); timer.Fingerprint == fingerprintOf(leaf) && !timer.AskAt.Before(best.AskAt) {
			best = timer
		}
	}
	return best
}

// readTimerCache reads what renew.sh writes; the zero value if it is something else.
func readTimerCache(text []byte) suggestion {
	fields := strings.Fields(string(text))
	if len(fields) != 3 {
		return suggestion{}
	}
	at, err1 := strconv.ParseInt(fields[1], 10, 64)
	again, err2 := strconv.ParseInt(fields[2], 10, 64)
	if err1 != nil || err2 != nil {
		return suggestion{}
	}
	s := suggestion{Fingerprint: strings.ToLower(strings.ReplaceAll(fields[0], ":", "")), AskAt: time.Unix(again, 0).UTC()}
	if at > 0 {
		s.RenewAt = time.Unix(at, 0).UTC()
	}
	return s
}

// answer asks the cache of this machine and then the CA, unless the host has a fresh answer.
func (q inquiry) answer(ctx context.Context, seen *observe.Snapshot) suggestion {
	is, err := q.look(seen)
	if err != nil || is.leaf == nil || slices.Contains(is.leaf.Subject.Organization, placeholder) || is.now.After(is.leaf.NotAfter) {
		return suggestion{}
	}
	if is.now.Before(q.known(seen, is.leaf).AskAt) {
		return suggestion{}
	}
	id, err := certificate.MakeARICertID(is.leaf)
	if err != nil {
		return suggestion{} // it names no issuer: no CA of ARI's made it
	}
	c := suggestionCache{q.cache, observe.Fingerprint([]byte(q.directory + "\n" + id))}
	if cached, ok := c.get(); ok {
		return cached
	}
	s, err := q.ask(ctx, id, is.leaf)
	if ctx.Err() != nil {
		return suggestion{}
	}
	if err != nil {
		s = suggestion{Fingerprint: fingerprintOf(is.leaf), AskAt: time.Now().Add(failedPause)}
	}
	c.put(s)
	return s
}

// ask asks the CA about the certificate with an identifier (RFC 9773, section 4.1). That needs no account.
func (q inquiry) ask(ctx context.Context, id string, leaf *x509.Certificate) (suggestion, error) {
	ctx, cancel := context.WithTimeout(ctx, suggestionLimit)
	defer cancel()
	transport := transportTo([]byte(q.roots))
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	s := suggestion{Fingerprint: fingerprintOf(leaf), AskAt: time.Now().Add(usualPause)}
	var directory struct {
		RenewalInfo string `json:"renewalInfo"`
	}
	if _, err := getJSON(ctx, client, q.directory, &directory); err != nil || directory.RenewalInfo == "" {
		return s, err
	}
	var info acme.RenewalInfoResponse
	header, err := getJSON(ctx, client, directory.RenewalInfo+"/"+id, &info)
	if err != nil {
		return s, err
	}
	after, err := api.ParseRetryAfter(header.Get("Retry-After"))
	if err != nil {
		after = 0 // as if it said nothing
	}
	s.RenewAt, s.AskAt = momentIn(info.SuggestedWindow, leaf), time.Now().Add(pauseFrom(after))
	return s, nil
}

// getJSON gets a document of a CA.
func getJSON(ctx context.Context, client *http.Client, url string, to any) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "rcprov")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // read only
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return response.Header, json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(to)
}

// suggestionCache keeps a CA's answer on this machine until it may change: a file in dir, and the memory of this process.
type suggestionCache struct{ dir, name string }

var remembered sync.Map // from suggestionCache to suggestion

func (c suggestionCache) path() string { return filepath.Join(c.dir, c.name+".json") }

func (c suggestionCache) get() (suggestion, bool) {
	var s suggestion
	if value, ok := remembered.Load(c); ok {
		s = value.(suggestion)
	} else if text, err := os.ReadFile(c.path()); c.dir == "" || err != nil || json.Unmarshal(text, &s) != nil {
		return s, false
	}
	return s, time.Now().Before(s.AskAt)
}

// put stores an answer; a machine without a cache asks again. It removes the answers about certificates of the past.
func (c suggestionCache) put(s suggestion) {
	remembered.Store(c, s)
	text, err := json.Marshal(s)
	if err != nil || c.dir == "" || os.MkdirAll(c.dir, 0o700) != nil {
		return
	}
	if old, err := filepath.Glob(c.dir + "/*.json"); err == nil {
		for _, name := range old {
			if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > 48*time.Hour {
				_ = os.Remove(name)
			}
		}
	}
	f, err := os.CreateTemp(c.dir, c.name)
	if err != nil {
		return
	}
	_, err = f.Write(text)
	if closed := f.Close(); err != nil || closed != nil || os.Rename(f.Name(), c.path()) != nil {
		_ = os.Remove(f.Name())
	}
}

// cacheDir is where this machine keeps answers of CAs; empty if it has no such place.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "rcprov", "renewal")
}
