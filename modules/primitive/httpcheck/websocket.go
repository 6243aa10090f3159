package httpcheck

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
)

// websocket reports whether the request opens a websocket.
func (r *request) websocket() bool { return r.URL.Scheme == "ws" || r.URL.Scheme == "wss" }

// offerWebSocket makes req the opening handshake of RFC 6455, section 4.1.
func offerWebSocket(req *http.Request) {
	req.URL.Scheme = map[string]string{"ws": "http", "wss": "https"}[req.URL.Scheme]
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails, crypto/rand says
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Sec-WebSocket-Version", "13")
	req.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key[:]))
}

// judgeWebSocket checks whether resp, which switches protocols, completes the handshake of req (section 4.2.2).
func judgeWebSocket(req *http.Request, resp *http.Response) answer {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + guid))
	if resp.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) {
		return answer{Text: "status 101, but it doesn't accept the websocket (Sec-WebSocket-Accept)"}
	}
	return answer{AsWanted: true, Text: "status 101"}
}
