import packageJson from "../package.json" with { type: "json" };

/** Of the agent and the command line alike: they are released together. */
export const version: string = packageJson.version;
