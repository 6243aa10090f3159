'use strict';
// npm install runs this, as the original's script: it refuses another Deno than the release's, and lets Deno compile and
// cache the apps' runtime.
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { deno } = require('../../../../release.json');

const env = { PATH: process.env.PATH, DENO_DIR: process.env.DENO_DIR || path.join(__dirname, '.deno-cache') };
const [, found] = /^deno (\S+)/.exec(execFileSync('deno', ['--version'], { env }).toString());
if (found !== deno) throw new Error(`Incorrect Deno version. Required '${deno}', found '${found}'`);
execFileSync('deno', ['cache', 'main.ts'], { cwd: path.join(__dirname, 'deno-runtime'), env, stdio: 'inherit' });
