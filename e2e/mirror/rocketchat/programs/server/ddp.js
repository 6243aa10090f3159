'use strict';
// The part of DDP, Meteor's protocol, that a client needs to connect and log in: raw at /websocket, in SockJS frames at
// /sockjs/SERVER/SESSION/websocket.

const { randomUUID } = require('node:crypto');
const { WebSocketServer } = require('ws');
const accounts = require('./accounts');

// answer returns the replies to a message.
async function answer(db, message) {
	switch (message.msg) {
		case 'connect':
			return [{ server_id: '0' }, { msg: 'connected', session: randomUUID() }];
		case 'ping':
			return [{ msg: 'pong', ...(message.id && { id: message.id }) }];
		case 'sub':
			return [{ msg: 'ready', subs: [message.id] }];
		case 'method': {
			const { id } = message;
			if (message.method !== 'login') return [{ msg: 'result', id, error: { error: 404, reason: `Method '${message.method}' not found` } }];
			const { user: { username, email } = {}, password, resume } = message.params[0];
			const { user, token, error } = await accounts.login(db, { user: username ?? email, password, resume });
			const outcome = error ? { error: { error: 403, reason: error } } : { result: { id: user._id, token } };
			return [{ msg: 'result', id, ...outcome }, { msg: 'updated', methods: [id] }];
		}
		default:
			return [];
	}
}

// attach handles the server's websockets.
function attach(server, { db }) {
	const sockets = new WebSocketServer({ noServer: true });
	server.on('upgrade', (request, socket, head) => {
		const path = new URL(request.url, 'http://x').pathname;
		const framed = /^\/sockjs\/[^/]+\/[^/]+\/websocket$/.test(path);
		if (!framed && path !== '/websocket') {
			socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
			return;
		}
		sockets.handleUpgrade(request, socket, head, (ws) => {
			if (framed) ws.send('o');
			ws.on('message', async (data) => {
				try {
					const messages = framed ? [].concat(JSON.parse(data)).map((text) => JSON.parse(text)) : [JSON.parse(data)];
					for (const message of messages) {
						for (const reply of await answer(db, message)) {
							const text = JSON.stringify(reply);
							ws.send(framed ? `a${JSON.stringify([text])}` : text);
						}
					}
				} catch (err) {
					ws.close(1002, err.message.slice(0, 100));
				}
			});
		});
	});
}

module.exports = { attach };
