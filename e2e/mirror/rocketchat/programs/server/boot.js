'use strict';
// The lab's stand-in for Rocket.Chat's server, written for rcprov: the parts that matter to an installation. It starts,
// refuses to start, answers and logs in as Rocket.Chat does; it does not chat. release.json names the release.

const { readFileSync } = require('node:fs');
const { MongoClient } = require('mongodb');
const sharp = require('sharp');
const accounts = require('./accounts');
const migrations = require('./migrations');
const { Settings } = require('./settings');
const web = require('./web');
const release = require('./release.json');

const env = process.env;

// box prints a message in a frame, as in the original's log.
function box(print, title, lines) {
	const width = Math.max(title.length, ...lines.map((line) => line.length));
	const rows = [`+${'-'.repeat(width + 4)}+`, `|  ${title.padEnd(width)}  |`, `+${'-'.repeat(width + 4)}+`];
	for (const line of lines) rows.push(`|  ${line.padEnd(width)}  |`);
	print([...rows, rows[0]].join('\n'));
}

// Stop is an error that is printed in a box, without a stack.
class Stop extends Error {
	constructor(title, ...lines) {
		super(title);
		this.lines = lines;
	}
}

function checkEnvironment() {
	if (!env.ROOT_URL) throw new Error('Must pass options.rootUrl or set ROOT_URL in the server environment');
	if (!env.MONGO_URL) throw new Error('MONGO_URL must be set in environment');
	if (!env.PORT) throw new Error('PORT must be set in environment');
}

// checkNode compares major versions only, as the original does. Since 8.9 two of them fit.
function checkNode() {
	const wanted = readFileSync('../../.node_version.txt', 'utf8').trim();
	const major = (version) => Number(version.replace('v', '').split('.')[0]);
	if ([major(wanted), ...release.otherNodeMajors].includes(major(process.version)) || env.BYPASS_NODEJS_VALIDATION === 'true') return;
	throw new Stop('SERVER ERROR', `Rocket.Chat Version: ${release.version}`, `NodeJS Version: ${process.version}`,
		'', 'The NodeJS version is not the one that this release was built for', `Appropriate version: ${wanted}`);
}

// connect returns the database when there is a primary; it waits up to 30 s.
async function connect() {
	const client = new MongoClient(env.MONGO_URL, JSON.parse(env.MONGO_OPTIONS || '{}'));
	await client.connect();
	const hello = await client.db('admin').command({ hello: 1 });
	if (!hello.setName) {
		throw new Stop('SERVER ERROR', `Rocket.Chat Version: ${release.version}`, '', 'MongoDB is not a replica set: change streams need one');
	}
	const { version } = await client.db('admin').command({ buildInfo: 1 });
	if (Number(version.split('.')[0]) < release.oldestMongo && env.BYPASS_MONGO_VALIDATION !== 'true') {
		throw new Stop('SERVER ERROR', `Rocket.Chat Version: ${release.version}`, `MongoDB Version: ${version}`,
			'', `The MongoDB version is not supported. Please upgrade to ${release.oldestMongo}.0 or later`);
	}
	if (!hello.isWritablePrimary && !hello.primary) throw new Error('no primary in the replica set');
	return { db: client.db(), client, mongo: version };
}

async function main() {
	checkEnvironment();
	checkNode();
	if (release.fault === 'start') throw new Error("Cannot read properties of undefined (reading 'rooms')");
	const { db, client, mongo } = await connect();
	await migrations.run(db, release, Stop);
	const settings = await Settings.load(db, env);
	await accounts.bootstrap(db, env, settings);
	settings.watch();
	// The original would go on without its apps.
	if (release.deno) await require('./npm/node_modules/@rocket.chat/apps-engine/apps').start();
	const logo = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#f5455c' } }).png().toBuffer();
	const server = web.create({ db, env, logo, release, settings });
	server.on('error', (err) => fail(err));
	server.listen(Number(env.PORT), env.BIND_IP || '0.0.0.0', () => {
		box(console.log, 'SERVER RUNNING', [
			`Rocket.Chat Version: ${release.version}`, `     NodeJS Version: ${process.versions.node} - x64`,
			`    MongoDB Version: ${mongo}`, `           Platform: ${process.platform}`, `       Process Port: ${env.PORT}`,
			`           Site URL: ${env.ROOT_URL}`,
		]);
	});
	for (const signal of ['SIGTERM', 'SIGINT']) {
		process.on(signal, () => settings.close().then(() => client.close()).finally(() => process.exit(0)));
	}
}

function fail(err) {
	if (err instanceof Stop) box(console.error, err.message, err.lines);
	else console.error(err);
	process.exit(1);
}

main().catch(fail);
