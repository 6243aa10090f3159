'use strict';
// Starts an app as the original does: with the Deno in PATH, its cache beside the engine, and a configuration that it
// writes there at each start.
const { execFile } = require('node:child_process');
const { copyFileSync } = require('node:fs');
const path = require('node:path');

exports.start = () => new Promise((resolve, reject) => {
	const runtime = path.join(__dirname, 'deno-runtime');
	const config = path.join(runtime, 'deno.runtime.jsonc');
	const cache = process.env.DENO_DIR || path.join(__dirname, '.deno-cache');
	copyFileSync(path.join(runtime, 'deno.jsonc'), config);
	const args = ['run', '--cached-only', `--config=${config}`, `--allow-read=${__dirname},${cache}`, path.join(runtime, 'main.ts'), '--subprocess', 'lab'];
	execFile('deno', args, { env: { PATH: process.env.PATH, DENO_DIR: cache } }, (err, stdout) => {
		if (err || stdout.trim() !== 'ready lab') reject(err || new Error(`the app printed ${stdout}`));
		else resolve();
	});
});
