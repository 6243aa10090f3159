package mirror

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// zone is the zone that the name server is the authority for. It accepts dynamic updates of it.
const zone = "lab.test."

// A nameServer answers for the names it was given, over UDP and TCP. Anybody can set TXT records with a dynamic update
// (RFC 2136), which DNS-01 challenges need.
type nameServer struct {
	address string
	servers []*dns.Server

	mu        sync.Mutex
	addresses map[string][]netip.Addr
	texts     map[string][]string
	others    map[string]string // by zone: the address of the server that answers for it
}

// startNameServer starts a name server on a free port of the IP address host.
func startNameServer(ctx context.Context, host string) (*nameServer, error) {
	n := &nameServer{addresses: map[string][]netip.Addr{}, texts: map[string][]string{}, others: map[string]string{}}
	tcp, err := listen(ctx, net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	n.address = tcp.Addr().String()
	udp, err := listenPacket(ctx, n.address)
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	for _, s := range []*dns.Server{{Listener: tcp}, {PacketConn: udp}} {
		started := make(chan struct{})
		s.Handler = n
		s.NotifyStartedFunc = func() { close(started) }
		s.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept } // the default refuses updates
		go func() { _ = s.ActivateAndServe() }()                                        // ends with close
		<-started
		n.servers = append(n.servers, s)
	}
	return n, nil
}

func (n *nameServer) close() error {
	var errs []error
	for _, s := range n.servers {
		errs = append(errs, s.Shutdown())
	}
	return errors.Join(errs...)
}

// resolve sets the addresses of a name; without addresses the name doesn't exist.
func (n *nameServer) resolve(name string, addresses []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses[canonical(name)] = addresses
}

// delegate lets another server answer for a zone.
func (n *nameServer) delegate(zone string, server netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.others[canonical(zone)] = server.String()
}

// other returns the address of the server that answers for a name; empty: this one does.
func (n *nameServer) other(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for zone, server := range n.others {
		if dns.IsSubDomain(zone, canonical(name)) {
			return server
		}
	}
	return ""
}

func canonical(name string) string { return strings.ToLower(dns.Fqdn(name)) }

// ServeDNS answers a question, has another server answer it, or carries out an update.
func (n *nameServer) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	if len(request.Question) == 1 {
		if server := n.other(request.Question[0].Name); server != "" {
			if reply, _, err := new(dns.Client).Exchange(request, server); err == nil {
				_ = w.WriteMsg(reply) // the client may be gone
			}
			return
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	reply := new(dns.Msg)
	reply.SetReply(request)
	reply.Authoritative = true
	switch {
	case len(request.Question) != 1:
		reply.Rcode = dns.RcodeFormatError
	case request.Opcode == dns.OpcodeUpdate:
		for _, rr := range request.Ns {
			n.update(rr)
		}
	default:
		n.answer(request.Question[0], reply)
	}
	_ = w.WriteMsg(reply) // the client may be gone
}

func (n *nameServer) answer(q dns.Question, reply *dns.Msg) {
	name := canonical(q.Name)
	header := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 1}
	addresses, texts := n.addresses[name], n.texts[name]
	switch q.Qtype {
	case dns.TypeA, dns.TypeAAAA:
		for _, a := range addresses {
			switch {
			case q.Qtype == dns.TypeA && a.Is4():
				reply.Answer = append(reply.Answer, &dns.A{Hdr: header, A: a.AsSlice()})
			case q.Qtype == dns.TypeAAAA && a.Is6():
				reply.Answer = append(reply.Answer, &dns.AAAA{Hdr: header, AAAA: a.AsSlice()})
			}
		}
	case dns.TypeTXT:
		for _, text := range texts {
			reply.Answer = append(reply.Answer, &dns.TXT{Hdr: header, Txt: []string{text}})
		}
	case dns.TypeSOA:
		if name == zone {
			reply.Answer = append(reply.Answer, &dns.SOA{Hdr: header, Ns: "ns." + zone, Mbox: "lab." + zone, Serial: 1, Refresh: 1, Retry: 1, Expire: 1, Minttl: 1})
		}
	}
	if len(addresses)+len(texts) == 0 && name != zone {
		reply.Rcode = dns.RcodeNameError
	}
}

// update carries out one line of an update's section (RFC 2136, 2.5) on TXT records; it ignores other types.
func (n *nameServer) update(rr dns.RR) {
	name := canonical(rr.Header().Name)
	text, _ := rr.(*dns.TXT)
	switch {
	case rr.Header().Class == dns.ClassANY:
		delete(n.texts, name)
	case text == nil:
	case rr.Header().Class == dns.ClassNONE:
		n.texts[name] = slices.DeleteFunc(n.texts[name], func(t string) bool { return t == strings.Join(text.Txt, "") })
	default:
		n.texts[name] = append(n.texts[name], strings.Join(text.Txt, ""))
	}
}
