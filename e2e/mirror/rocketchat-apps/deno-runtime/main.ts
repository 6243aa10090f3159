// What runs in Deno for an app. This one says that it could be started.
const app: string = Deno.args[1];
console.log(`ready ${app}`);
