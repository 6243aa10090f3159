package modules

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"time"

	"github.com/rcprov/rcprov/modules/observe"
)

// A Source is a file of the controller that goes to hosts as a stream, however large it is: its content is never in memory as a
// whole. It is hashed once, however many hosts it goes to. A Source may be used concurrently.
type Source struct {
	path string // on the controller
	name string // as the plan has it
	size int64

	sum func() (string, error)
}

// NewSource returns a Source for the regular file path of size bytes, which the plan calls name. It begins to hash the file, so that
// this is done while hosts are connected to.
func NewSource(path, name string, size int64) *Source {
	s := &Source{path: path, name: name, size: size}
	s.sum = sync.OnceValues(s.hash)
	go func() { _, _ = s.sum() }() // whoever asks later has the error
	return s
}

// Size is the file's size in bytes when the run began.
func (s *Source) Size() int64 { return s.size }

// SHA256 returns the SHA-256 of the content in lowercase hex. It waits until the file has been read.
func (s *Source) SHA256() (string, error) { return s.sum() }

// Agrees implements [Agreer]: a source is the whole content of a file, as the value of a claim.
func (s *Source) Agrees(with any) bool {
	var size int64
	var sum string
	switch with := with.(type) {
	case *Source:
		if s.path == with.path {
			return true
		}
		size, sum = with.size, with.known()
	case Content:
		if size = int64(len(with)); size == s.size {
			sum = observe.Fingerprint(with)
		}
	default:
		return false
	}
	return size == s.size && sum != "" && sum == s.known()
}

// known returns the SHA-256, or nothing if the file can't be read.
func (s *Source) known() string {
	sum, err := s.sum()
	if err != nil {
		return ""
	}
	return sum
}

func (s *Source) hash() (string, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	sum := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, f, make([]byte, 256<<10)); err != nil {
		return "", fmt.Errorf("read %s: %w", s.name, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// SourceChangedError says that a file of the controller is no longer what it was when the run began.
type SourceChangedError struct{ Name string }

func (e *SourceChangedError) Error() string {
	return e.Name + " changed on the controller while it was being sent"
}

// changed returns err, or the error of a source in it alone: around it stands only where it was sent to.
func changed(err error) error {
	var e *SourceChangedError
	if !errors.As(err, &e) {
		return err
	}
	return SourceHint(e)
}

// SourceHint returns e with advice.
func SourceHint(e *SourceChangedError) error {
	return WithHint(e, "Nothing took the place of what is on the host. When nothing writes to %s any more, run the same command again.", e.Name)
}

// open opens the content. Reading it to the end fails with a [*SourceChangedError] unless it is the one of the hash. As it is read,
// the context's [Progress] is told.
func (s *Source) open(ctx context.Context) (*sending, error) {
	want, err := s.sum()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	return &sending{file: f, ctx: ctx, source: s, want: want, sum: sha256.New()}, nil
}

// sending is a source on its way.
type sending struct {
	file   *os.File
	ctx    context.Context
	source *Source
	want   string
	sum    hash.Hash
	sent   int64
	began  time.Time
	said   time.Time
	slow   func(sent int64, took time.Duration) bool // asked once, after a second; nil: never
}

// errSlow ends a transfer that had better be compressed.
var errSlow = errors.New("it is sent again, compressed")

// progressEvery is how often a person is told how much was sent.
const progressEvery = time.Second

func (s *sending) Read(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	now := time.Now()
	if s.began.IsZero() {
		s.began, s.said = now, now
	}
	if took := now.Sub(s.began); s.slow != nil && took >= time.Second {
		slow := s.slow(s.sent, took)
		if s.slow = nil; slow {
			return 0, errSlow
		}
	}
	if now.Sub(s.said) >= progressEvery {
		s.said = now
		Progress(s.ctx, "sending %s: %s of %s", s.source.name, megabytes(s.sent), megabytes(s.source.size))
	}
	n, err := s.file.Read(p)
	_, _ = s.sum.Write(p[:n]) // a hash takes all
	s.sent += int64(n)
	if s.sent > s.source.size || errors.Is(err, io.EOF) && hex.EncodeToString(s.sum.Sum(nil)) != s.want {
		return 0, &SourceChangedError{s.source.name}
	}
	return n, err
}

func (s *sending) Close() error { return s.file.Close() }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

const (
	probes    = 16       // places of a source that are tried
	probeSize = 32 << 10 // bytes of each
)

// packing is what compressing a source takes and gives.
type packing struct {
	ratio float64 // of the compressed size to the size
	rate  float64 // bytes that are compressed in a second, on this machine as it is now
}

// tryPacking compresses samples of the source.
func (s *Source) tryPacking() (packing, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return packing{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	began := time.Now()
	var in int64
	var out counter
	zip, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	for i := int64(0); err == nil && i < probes; i++ {
		var n int64
		n, err = io.Copy(zip, io.NewSectionReader(f, s.size/probes*i, probeSize))
		in += n
	}
	if err == nil {
		err = zip.Close()
	}
	if err != nil || in == 0 {
		return packing{}, err
	}
	return packing{ratio: float64(out) / float64(in), rate: float64(in) / time.Since(began).Seconds()}, nil
}

// pays reports whether a source of size bytes, of which sent took a while, is there sooner if all of it is sent again, compressed.
// The host is taken to be twice as fast at unpacking as this machine is at packing.
func (p packing) pays(size, sent int64, took time.Duration) bool {
	link := float64(sent) / took.Seconds()
	if p.rate == 0 || link == 0 {
		return p.rate > 0 && p.ratio < 0.7
	}
	packed := max(float64(size)/p.rate, float64(size)*p.ratio/link) + float64(size)/p.rate/2
	return packed < 0.7*float64(size-sent)/link // a good deal sooner: both are guesses
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// CopyTo writes the content to w. It fails with a [*SourceChangedError] if it is not the one of the hash.
func (s *Source) CopyTo(ctx context.Context, w io.Writer) error {
	content, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	_, err = io.Copy(w, content)
	return err
}

// Send uploads the source to the new file to of h.
func (s *Source) Send(ctx context.Context, h Host, to string) error {
	return s.send(ctx, h, to, nil)
}

func (s *Source) send(ctx context.Context, h Host, to string, slow func(int64, time.Duration) bool) error {
	content, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	content.slow = slow
	return changed(h.Upload(ctx, to, content))
}

// sendSoonest uploads the source to the new file that place returns, as it is or compressed for gzip(1), whichever takes less time: it
// begins with the source as it is, and begins again where the network is slow and the source becomes a good deal smaller. It calls
// place for each attempt.
func (s *Source) sendSoonest(ctx context.Context, h Host, place func(packed bool) (to string, err error)) (to string, packed bool, err error) {
	slow := func(sent int64, took time.Duration) bool {
		p, err := s.tryPacking()
		return err == nil && p.pays(s.size, sent, took)
	}
	if to, err = place(false); err != nil {
		return "", false, err
	}
	if err = s.send(ctx, h, to, slow); !errors.Is(err, errSlow) {
		return to, false, err
	}
	Progress(ctx, "sending %s compressed", s.name)
	if to, err = place(true); err != nil {
		return "", true, err
	}
	return to, true, s.sendPacked(ctx, h, to)
}

func (s *Source) sendPacked(ctx context.Context, h Host, to string) error {
	content, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	return changed(UploadWritten(ctx, h, to, func(w io.Writer) error { return pack(w, content) }))
}

// UploadWritten uploads what write writes to the new file to of h. It is never in memory as a whole.
func UploadWritten(ctx context.Context, h Host, to string, write func(w io.Writer) error) error {
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.CloseWithError(write(w))
	}()
	err := h.Upload(ctx, to, bufio.NewReaderSize(r, 256<<10))
	_ = r.Close() // ends the other side if the upload failed
	<-done
	return err
}

// pack compresses content into w.
func pack(w io.Writer, content io.Reader) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	zip, err := gzip.NewWriterLevel(buffered, gzip.BestSpeed)
	if err == nil {
		_, err = io.Copy(zip, content)
	}
	if err == nil {
		err = zip.Close()
	}
	if err == nil {
		err = buffered.Flush()
	}
	return err
}
