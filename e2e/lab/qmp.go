package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"
)

// errPoweredOff: no QEMU listens for a machine's commands.
var errPoweredOff = errors.New("powered off")

// A qmpClient speaks QEMU's Machine Protocol: lines of JSON over a socket.
// https://www.qemu.org/docs/master/interop/qmp-spec.html
type qmpClient struct {
	path    string
	conn    net.Conn
	decoder *json.Decoder
}

// dialQMP connects to the QEMU of a machine, which takes one connection at a time; errPoweredOff when there is none.
func (m *qemuVM) dialQMP() (*qmpClient, error) {
	path := filepath.Join(m.dir, "qmp")
	if len(path) > 100 { // sun_path of the systems we know: 104 or 108 bytes
		return nil, fmt.Errorf("%s: too long for a socket; set RCPROV_LAB_DIR to a shorter path", path)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, errPoweredOff
	}
	c := &qmpClient{path: path, conn: conn, decoder: json.NewDecoder(conn)}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		c.close()
		return nil, err
	}
	var greeting struct{ QMP json.RawMessage }
	err = c.decoder.Decode(&greeting)
	if err == nil {
		err = c.command("qmp_capabilities", nil, nil)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("QEMU does not take commands: %w", err)
	}
	return c, nil
}

func (c *qmpClient) close() { _ = c.conn.Close() } // nothing is under way

// command runs a command and stores what it returns, where result is not nil.
func (c *qmpClient) command(name string, arguments map[string]any, result any) error {
	request := map[string]any{"execute": name}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := errors.Join(c.conn.SetDeadline(time.Now().Add(time.Minute)), json.NewEncoder(c.conn).Encode(request)); err != nil {
		return fmt.Errorf("QEMU's %s: %w", name, err)
	}
	for {
		var reply struct {
			Event  string
			Return json.RawMessage
			Error  *struct{ Desc string }
		}
		if err := c.decoder.Decode(&reply); err != nil {
			return fmt.Errorf("QEMU's %s: %w", name, err)
		}
		switch {
		case reply.Event != "": // nobody asked
		case reply.Error != nil:
			return fmt.Errorf("QEMU's %s: %s", name, reply.Error.Desc)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(reply.Return, result)
		}
	}
}
