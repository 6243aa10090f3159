'use strict';
// Users, their passwords and login tokens. (The original stores bcrypt; no test looks.)

const { createHash, randomBytes, scryptSync, timingSafeEqual } = require('node:crypto');

const sha256 = (text, encoding) => createHash('sha256').update(text).digest(encoding);
const newId = () => randomBytes(12).toString('base64url').slice(0, 17).replace(/[-_]/g, 'x');

// A client may send the password or its SHA-256.
function digestOf(password) {
	return typeof password === 'object' ? password.digest : sha256(password, 'hex');
}

function hash(password, salt = randomBytes(16).toString('hex')) {
	return `${salt}:${scryptSync(digestOf(password), salt, 32).toString('hex')}`;
}

function matches(password, stored) {
	return timingSafeEqual(Buffer.from(hash(password, stored.split(':')[0])), Buffer.from(stored));
}

// bootstrap creates the users of a fresh database: the bot, and the admin of ADMIN_* unless there is one.
async function bootstrap(db, env, settings) {
	const users = db.collection('users');
	await users.createIndex({ username: 1 }, { unique: true });
	const insert = (user) => users.updateOne({ username: user.username }, { $setOnInsert: { ...user, createdAt: new Date(), active: true } }, { upsert: true });
	await insert({ _id: 'rocket.cat', username: 'rocket.cat', name: 'Rocket.Cat', type: 'bot', roles: ['bot'], services: {} });
	if (!(await users.findOne({ roles: 'admin' })) && env.ADMIN_PASS) {
		await insert({
			_id: newId(),
			username: env.ADMIN_USERNAME || 'admin',
			name: env.ADMIN_NAME || 'Administrator',
			emails: env.ADMIN_EMAIL ? [{ address: env.ADMIN_EMAIL, verified: env.ADMIN_EMAIL_VERIFIED === 'true' }] : [],
			type: 'user',
			roles: ['admin'],
			services: { password: { scrypt: hash(env.ADMIN_PASS) } },
		});
		console.log('Inserting admin user from the environment');
	}
	if (!(await users.findOne({ roles: 'admin' }))) {
		const [oldest] = await users.find({ type: 'user' }).sort({ createdAt: 1 }).limit(1).toArray();
		if (oldest) await users.updateOne({ _id: oldest._id }, { $addToSet: { roles: 'admin' } });
	}
	if ((await users.findOne({ roles: 'admin' })) && settings.get('Show_Setup_Wizard') === 'pending') {
		await settings.set('Show_Setup_Wizard', 'in_progress');
	}
}

// login returns the user and a new token, or an error in the REST API's words.
async function login(db, { user, username, email, password, resume }) {
	const users = db.collection('users');
	if (resume) {
		const found = await users.findOne({ 'services.resume.loginTokens.hashedToken': sha256(resume, 'base64') });
		return found ? { user: found, token: resume } : { error: 'Unauthorized' };
	}
	const name = String(user ?? username ?? email ?? '');
	const found = await users.findOne(name.includes('@') ? { 'emails.address': name } : { username: name });
	if (found && !found.services.password) return { error: 'User has no password set', status: 403 };
	if (!found || !password || !matches(password, found.services.password.scrypt)) return { error: 'Unauthorized' };
	const token = randomBytes(32).toString('base64url');
	await users.updateOne({ _id: found._id }, { $push: { 'services.resume.loginTokens': { when: new Date(), hashedToken: sha256(token, 'base64') } } });
	return { user: found, token };
}

// caller returns the user of the token and id in a request's headers, or null.
function caller(db, headers) {
	const token = headers['x-auth-token'];
	const _id = headers['x-user-id'];
	if (!token || !_id) return null;
	return db.collection('users').findOne({ _id, 'services.resume.loginTokens.hashedToken': sha256(token, 'base64') });
}

// me returns the fields that a user sees of itself.
function me({ _id, username, name, emails, roles, type, active }) {
	return { _id, username, name, emails, roles, type, active };
}

module.exports = { bootstrap, login, caller, me };
