'use strict';
// Settings are in the database. The environment gives their first values (NAME=v) or forces them at each start
// (OVERWRITE_SETTING_NAME=v). By a change stream each instance sees the changes of the others.

const { accessSync, constants } = require('node:fs');

const defaults = {
	Accounts_RegistrationForm: 'Public',
	FileUpload_FileSystemPath: '',
	FileUpload_MaxFileSize: 104857600,
	FileUpload_Storage_Type: 'GridFS',
	Show_Setup_Wizard: 'pending',
	Site_Name: 'Rocket.Chat',
	Site_Url: '',
};

// typed converts text from the environment to the type of the setting.
function typed(text, like) {
	switch (typeof like) {
		case 'number': return Number(text);
		case 'boolean': return text === 'true';
		default: return text;
	}
}

class Settings {
	// load writes new and forced settings, and returns all.
	static async load(db, env) {
		const settings = new Settings();
		settings.collection = db.collection('rocketchat_settings');
		settings.values = new Map();
		const known = { ...defaults, Site_Url: env.ROOT_URL };
		for (const name of Object.keys(env)) {
			const id = name.match(/^OVERWRITE_SETTING_(.+)$/)?.[1];
			if (id && !(id in known)) known[id] = '';
		}
		for (const [id, packageValue] of Object.entries(known)) {
			const forced = env[`OVERWRITE_SETTING_${id}`];
			const first = typed(env[id] ?? packageValue, packageValue);
			await settings.collection.updateOne({ _id: id }, { $setOnInsert: { value: first, packageValue, valueSource: 'packageValue' } }, { upsert: true });
			if (forced !== undefined) {
				const value = typed(forced, packageValue);
				await settings.collection.updateOne({ _id: id }, { $set: { value, processEnvValue: value, valueSource: 'processEnvValue' } });
			}
		}
		for await (const { _id, value } of settings.collection.find()) settings.values.set(_id, value);
		if (settings.get('FileUpload_Storage_Type') === 'FileSystem') {
			accessSync(settings.get('FileUpload_FileSystemPath'), constants.W_OK);
		}
		return settings;
	}

	get(id) {
		return this.values.get(id);
	}

	async set(id, value) {
		const { matchedCount } = await this.collection.updateOne({ _id: id }, { $set: { value } });
		this.values.set(id, value);
		return matchedCount === 1;
	}

	// watch keeps the values up to date until the process ends. An instance must not go on without its stream.
	watch() {
		this.stream = this.collection.watch([], { fullDocument: 'updateLookup' });
		this.stream.on('change', ({ fullDocument }) => {
			if (fullDocument) this.values.set(fullDocument._id, fullDocument.value);
		});
		this.stream.on('error', (err) => {
			console.error('change stream ended', err);
			process.exit(1);
		});
	}

	close() {
		return this.stream.close();
	}
}

module.exports = { Settings };
