// Package http1 speaks HTTP/1.1 to Treadle servers on connections that are kept. It is written by
// hand because a request of a worker is one write, its answer is usually one read, and a general
// client does several times as much.
package http1

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"treadle/internal/status"
)

// Address is where a server listens.
type Address struct {
	// Target is what is dialed, "127.0.0.1:7373".
	Target string
	// Authority is what the header Host says.
	Authority string
	// Host is what its certificate names. Empty: it does not speak TLS.
	Host string
}

// URL returns the address as people write it.
func (a Address) URL() string {
	if a.Host != "" {
		return "https://" + a.Authority
	}
	return "http://" + a.Authority
}

// ParseAddress reads "http://HOST:PORT" or "https://HOST:PORT". The scheme may be missing, and so may
// the port: 7373, or 443 with https.
func ParseAddress(text string) (Address, error) {
	rest, portDefault := text, "7373"
	isTLS := strings.HasPrefix(rest, "https://")
	if isTLS {
		portDefault = "443"
	} else if !strings.HasPrefix(rest, "http://") {
		rest = "http://" + rest
	}
	parsed, err := url.Parse(rest)
	if err != nil || parsed.Hostname() == "" || parsed.User != nil {
		return Address{}, unreadable(text, "it names no host")
	}
	if strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return Address{}, unreadable(text, "there is something behind the port")
	}
	port := parsed.Port()
	if port == "" {
		port = portDefault
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return Address{}, unreadable(text, "its port is not a number from 1 to 65535")
	}
	host := parsed.Hostname()
	withoutZone, _, _ := strings.Cut(host, "%")
	address := Address{Target: net.JoinHostPort(host, port), Authority: net.JoinHostPort(withoutZone, port)}
	if isTLS {
		address.Host = withoutZone
	}
	return address, nil
}

func unreadable(text, why string) error {
	text = text[strings.LastIndexByte(text, '@')+1:] // a name and password are not repeated
	return status.Wrong("servers", `cannot read the server address "`+text+`": `+why+
		"; write http://HOST:PORT or https://HOST:PORT")
}
