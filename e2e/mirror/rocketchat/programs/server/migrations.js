'use strict';
// The database has a version. It is in the document "control" of the collection migrations, with a lock: of several
// instances that start together, one migrates and the others wait.

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function lock(control) {
	for (let attempt = 0; attempt < 30; attempt++) {
		const { matchedCount } = await control.updateOne({ _id: 'control', locked: false }, { $set: { locked: true, lockedAt: new Date() } });
		if (matchedCount === 1) return true;
		console.log(`Migration control is locked, trying again (${attempt + 1} of 30)`);
		await sleep(1000);
	}
	return false;
}

// run migrates the database to the version of the release.
async function run(db, release, Stop) {
	const control = db.collection('migrations');
	const wanted = release.databaseVersion;
	await control.updateOne({ _id: 'control' }, { $setOnInsert: { version: wanted, locked: false } }, { upsert: true });
	if (!(await lock(control))) {
		throw new Stop('ERROR! SERVER STOPPED', 'Your database migration control is locked.',
			'Please make sure you are running the latest version and try again.', `Please refer to: ${release.version}`);
	}
	const unlock = (version) => control.updateOne({ _id: 'control' }, { $set: { locked: false, version, buildAt: new Date() } });
	let { version } = await control.findOne({ _id: 'control' });
	if (version < release.oldestDatabaseVersion) {
		await unlock(version);
		throw new Stop('ERROR! SERVER STOPPED', 'UPGRADE NOT SUPPORTED!', `The database has version ${version}; this release migrates from ${release.oldestDatabaseVersion} on.`);
	}
	if (version > wanted) {
		await unlock(version);
		throw new Error(`Can't find migration version ${version}`);
	}
	for (; version < wanted; version++) {
		console.log(`Running up() on version ${version + 1}`);
		await sleep(200);
	}
	await unlock(version);
	console.log(`Finished migrating: version ${version}`);
}

module.exports = { run };
