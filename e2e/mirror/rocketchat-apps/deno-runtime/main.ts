// Runs in Deno for an app. This one prints that it started.
const app: string = Deno.args[1];
console.log(`ready ${app}`);
