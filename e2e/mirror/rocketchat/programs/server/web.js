'use strict';
// The server's HTTP side: REST API, health, the page, and DDP over websockets.

const { readFileSync } = require('node:fs');
const http = require('node:http');
const accounts = require('./accounts');
const ddp = require('./ddp');

const page = readFileSync('../web.browser/page.html', 'utf8');

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

// client returns the client's address, as the outermost trusted proxy sees it.
function client(request, env) {
	const hops = [...(request.headers['x-forwarded-for'] ?? '').split(',').map((s) => s.trim()).filter(Boolean), request.socket.remoteAddress];
	return hops[Math.max(0, hops.length - 1 - Number(env.HTTP_FORWARDED_COUNT ?? 1))];
}

async function readJSON(request) {
	const chunks = [];
	for await (const chunk of request) chunks.push(chunk);
	return JSON.parse(Buffer.concat(chunks).toString() || '{}');
}

// routes are handlers by method and path; a handler returns [status, value].
function routes({ db, release, settings }) {
	const unauthorized = [401, { status: 'error', message: 'You must be logged in to do this.' }];

	async function info(request) {
		const minor = release.version.split('.').slice(0, 2).join('.');
		if (!(await accounts.caller(db, request.headers))) return [200, { version: minor, success: true }];
		return [200, { version: release.version, info: { version: release.version, commit: { hash: release.commit } }, success: true }];
	}

	async function ready() {
		if (release.fault === 'ready') return [503, { status: 'not ready', checks: { eventLoop: 'lagging' } }];
		try {
			await db.command({ ping: 1 }, { timeoutMS: 1000 });
			return [200, { status: 'ready' }];
		} catch (err) {
			return [503, { status: 'not ready', checks: { database: err.message } }];
		}
	}

	async function login(request) {
		const { user, token, error, status = 401 } = await accounts.login(db, await readJSON(request));
		if (error) return [status, { status: 'error', error, message: error }];
		return [200, { status: 'success', data: { userId: user._id, authToken: token, me: accounts.me(user) } }];
	}

	async function me(request) {
		const user = await accounts.caller(db, request.headers);
		return user ? [200, { ...accounts.me(user), success: true }] : unauthorized;
	}

	async function setting(request) {
		const user = await accounts.caller(db, request.headers);
		if (!user) return unauthorized;
		if (!user.roles.includes('admin')) return [403, { success: false, error: 'unauthorized' }];
		const id = request.url.split('/').pop();
		if (settings.get(id) === undefined) return [400, { success: false, error: `The setting ${id} does not exist` }];
		if (request.method === 'POST') {
			await settings.set(id, (await readJSON(request)).value);
			return [200, { success: true }];
		}
		return [200, { _id: id, value: settings.get(id), success: true }];
	}

	const table = {
		'GET /api/info': info,
		'GET /api/v1/info': info,
		'GET /health': ready,
		'POST /api/v1/login': login,
		'GET /api/v1/me': me,
		'GET /api/v1/settings/:id': setting,
		'POST /api/v1/settings/:id': setting,
		'GET /sockjs/info': async () => [200, { websocket: true, origins: ['*:*'], cookie_needed: false, entropy: 1 }],
	};
	if (release.probes) {
		table['GET /livez'] = async () => [200, { status: 'alive' }];
		table['GET /readyz'] = ready;
	}
	return table;
}

// create returns the server, not yet listening.
function create(context) {
	const { env, logo, settings } = context;
	const table = routes(context);
	const server = http.createServer(async (request, response) => {
		const path = new URL(request.url, 'http://x').pathname;
		const handler = table[`${request.method} ${path.replace(/^(\/api\/v1\/settings\/)[^/]+$/, '$1:id')}`];
		const send = (status, type, body) => {
			response.writeHead(status, { 'content-type': type }).end(body);
			if (/^\/(health|livez|readyz)$/.test(path)) return; // would fill the log
			console.log(`${request.method} ${path} ${status} for ${client(request, env)} ${request.headers['x-forwarded-proto'] ?? 'http'}`);
		};
		try {
			if (handler) {
				const [status, value] = await handler(request);
				send(status, 'application/json', JSON.stringify(value));
			} else if (path === '/images/logo.png') {
				send(200, 'image/png', logo);
			} else if (path.startsWith('/api/') || request.method !== 'GET') {
				send(404, 'application/json', JSON.stringify({ success: false, error: 'API endpoint not found' }));
			} else {
				send(200, 'text/html; charset=utf-8', page.replaceAll('{{Site_Name}}', escape(settings.get('Site_Name'))));
			}
		} catch (err) {
			send(err instanceof SyntaxError ? 400 : 500, 'application/json', JSON.stringify({ success: false, error: err.message }));
		}
	});
	ddp.attach(server, context);
	return server;
}

module.exports = { create };
