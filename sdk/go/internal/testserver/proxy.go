package testserver

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
)

// Proxy is a network that breaks when it is told to.
type Proxy struct {
	URL string
	// Change may alter the bytes of each answer. It may be nil.
	Change func(answer []byte) []byte

	target   string
	listener net.Listener

	mutex    sync.Mutex
	toLose   map[string]int
	requests int
	open     map[net.Conn]bool
}

// NewProxy passes HTTP on to a server until the test ends.
func NewProxy(t testing.TB, server *Server) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: "127.0.0.1:" + server.Port, listener: listener,
		URL: "http://" + listener.Addr().String(), toLose: map[string]int{}, open: map[net.Conn]bool{}}
	go p.accept()
	t.Cleanup(func() {
		listener.Close()
		p.Cut()
	})
	return p
}

// Lose drops the next answers to requests for paths that begin so, and closes their connections.
func (p *Proxy) Lose(path string, count int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.toLose[path] += count
}

// IsLost reports whether all that was to be lost is.
func (p *Proxy) IsLost() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, count := range p.toLose {
		if count > 0 {
			return false
		}
	}
	return true
}

// Requests returns how many came.
func (p *Proxy) Requests() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.requests
}

// Cut breaks all connections.
func (p *Proxy) Cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for each := range p.open {
		each.Close()
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(client)
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	p.note(client, server, true)
	defer p.note(client, server, false)
	asked, answers := bufio.NewReader(client), bufio.NewReader(server)
	for {
		request, err := http.ReadRequest(asked)
		if err != nil || request.Write(server) != nil {
			return
		}
		response, err := http.ReadResponse(answers, request)
		if err != nil {
			return
		}
		answer, err := httputil.DumpResponse(response, true)
		response.Body.Close()
		if err != nil || p.drops(request.URL.Path) {
			return
		}
		if p.Change != nil {
			answer = p.Change(answer)
		}
		if _, err := io.WriteString(client, string(answer)); err != nil {
			return
		}
	}
}

func (p *Proxy) note(client, server net.Conn, isOpen bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, each := range []net.Conn{client, server} {
		if isOpen {
			p.open[each] = true
		} else {
			delete(p.open, each)
		}
	}
}

func (p *Proxy) drops(path string) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.requests++
	for prefix, count := range p.toLose {
		if count > 0 && strings.HasPrefix(path, prefix) {
			p.toLose[prefix]--
			return true
		}
	}
	return false
}
