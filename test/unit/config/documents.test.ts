import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { accessVerbNames, accessVerbs } from "../../../agent/access/verb.ts";
import { agentConfigJsonSchema, parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { allowedWordNames, allowedWords } from "../../../agent/fleet/allowed-word.ts";
import { helperConfigJsonSchema, parseHelperConfig } from "../../../helper/config/helper-config.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("deploy/agent.schema.json is what the code makes (npm run schema)", () => {
  assert.deepEqual(JSON.parse(read("deploy/agent.schema.json")), JSON.parse(JSON.stringify(agentConfigJsonSchema())));
});

test("deploy/agent.yaml.example is a configuration", () => {
  const config = parseAgentConfig(read("deploy/agent.yaml.example"), "/etc/luksmith/agent.yaml");
  assert.deepEqual([...config.jobs.keys()], ["home"]);
});

test("so is every whole example in docs/configuration.md", () => {
  const examples = [...read("docs/configuration.md").matchAll(/^```yaml\n(.*?)^```$/gms)];
  assert.ok(examples.length > 0);
  for (const [, text = ""] of examples) assert.ok(parseAgentConfig(text, "docs/configuration.md").jobs.size > 0);
});

test("docs/configuration.md says what each verb grants, in the words of the code", () => {
  const text = read("docs/configuration.md");
  for (const verb of accessVerbNames) {
    const row = new RegExp(`^\\| \`${verb}\` +\\| (the agent|volumes|volumes or jobs) +\\| (.*?) +\\|$`, "m").exec(
      text,
    );
    assert.equal(row?.[2], accessVerbs[verb].grants, verb);
  }
});

test("docs/configuration.md says what each word of controller.allow allows, in the words of the code", () => {
  const text = read("docs/configuration.md");
  const section = text.slice(text.indexOf("## `controller`"));
  for (const word of allowedWordNames) {
    const row = new RegExp(`^\\| \`${word}\` +\\| (.*?) +\\|$`, "m").exec(section);
    assert.equal(row?.[1], allowedWords[word], word);
  }
});

/** Names below "properties" anywhere. */
function keysOf(schema: object): Set<string> {
  const keys = new Set<string>();
  JSON.stringify(schema, (key, value: unknown) => {
    if (key === "properties" && typeof value === "object" && value !== null) {
      for (const name of Object.keys(value)) keys.add(name);
    }
    return value;
  });
  return keys;
}

test("docs/configuration.md names every key of the schema", () => {
  const text = read("docs/configuration.md");
  const keys = keysOf(agentConfigJsonSchema());
  assert.ok(keys.has("bandwidthLimit") && keys.has("iterations"));
  for (const key of keys) assert.match(text, new RegExp(`\\b${key}\\b`), key);
});

test("docs/backup-host.md names every key of the helper's, and its example is a configuration", () => {
  const text = read("docs/backup-host.md");
  const keys = keysOf(helperConfigJsonSchema());
  assert.ok(keys.has("maxCallsPerMinute") && keys.has("minAge"));
  const firstCells = [...text.matchAll(/^\| (`.*?) \|/gm)].map(([, cell = ""]) => cell).join("\n");
  for (const key of keys) assert.match(firstCells, new RegExp(`[\`.]${key}[\`.]`), key);
  const [, example = ""] = /^```yaml\n(.*?)^```$/ms.exec(text) ?? [];
  assert.equal(parseHelperConfig(example, "docs/backup-host.md").machines.size, 2);
});
