/** What most lab tests begin with and end with: an agent, its backup host, and at last nothing that either has left. */

import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { allOrFirstError } from "../../../common/all-settled.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import type { HelperOnHost } from "./helper-on-host.ts";
import { cheapKdf, type Followed, identityFile, LabAgent, remoteLine } from "./lab-agent.ts";
import { assertNothingLeft } from "./leak-check.ts";
import { SavedVolumes } from "./saved-volumes.ts";
import { SecondHost } from "./second-host.ts";

export interface SceneOptions {
  /** What the agent's configuration says besides the backup host, which is the remote `vault`. */
  readonly config: string;
  /** Settings of that remote, such as "stallTimeout: 5s". */
  readonly remote?: string;
  /** Of the host's storage; default: as much as is wanted. */
  readonly storageBytes?: number;
  /** Of that size, with room for checkpoints beside the machine's directory. */
  readonly reflinks?: boolean;
  /** The host has luksmith-helper behind its gate. Default: plain SFTP. */
  readonly helper?: HelperOnHost;
  /** How runs try again, such as "{ attempts: 3, firstWait: 1s }". Default: they do not. */
  readonly runs?: string;
  /** Makes what is to be there before the agent starts: sources, mostly. */
  readonly prepare?: () => Promise<unknown>;
  /** The host's key is trusted and these volumes are there. Default: nobody has spoken to the host yet. */
  readonly volumes?: readonly string[];
}

/** A volume `home`, and a job `docs` that backs `source` up into it: enough for most. */
export function homeAndDocs(source: string): string {
  return `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
`;
}

export class Scene {
  readonly #config: string;
  readonly #settings: string;
  #host: SecondHost | undefined;
  #agent: LabAgent | undefined;

  /** To be called in a `describe`: registers its hooks there. Host and agent are there when the first test begins. */
  static set({ config, remote, storageBytes, reflinks, helper, runs, prepare, volumes }: SceneOptions): Scene {
    const settings = [remoteLine(SecondHost, remote), `runs: ${runs ?? "{ attempts: 1 }"}`];
    const scene = new Scene(config, settings.join("\n"));
    const saved = SavedVolumes.of(config, volumes ?? []);
    before(async () => {
      await LabAgent.forget();
      await prepare?.();
      const isSaved = (await saved?.putBackState()) ?? false;
      // the agent does not look for the host before it has to; on two processors, side by side is seconds sooner
      const keys = saved && isSaved ? { hostKey: saved.hostKey } : {};
      const storage = storageBytes === undefined ? {} : { storageBytes, reflinks: reflinks ?? false };
      const withHelper = helper === undefined ? {} : { helper };
      const host = SecondHost.create({ identityFile, ...keys, ...storage, ...withHelper }).then(async (created) => {
        // known at once, whatever becomes of the agent: what nobody takes away keeps the test from ending
        scene.#host = created;
        if (isSaved) await saved?.putBackImages(created);
      });
      await allOrFirstError(host, scene.startAgent());
      if (volumes === undefined || isSaved) return;
      await scene.agent.trust();
      for (const volume of volumes) assertDone(await scene.agent.create(volume));
      await saved?.save(scene.host);
    });
    afterEach(() => assertNothingLeft());
    after(async () => {
      await Promise.all([scene.#agent?.[Symbol.asyncDispose](), scene.#host?.[Symbol.asyncDispose]()]);
      await assertNothingLeft();
    });
    return scene;
  }

  private constructor(config: string, settings: string) {
    this.#config = config;
    this.#settings = settings;
  }

  get host(): SecondHost {
    assert.ok(this.#host, "the scene is set when the first test begins");
    return this.#host;
  }

  get agent(): LabAgent {
    assert.ok(this.#agent, "the scene is set when the first test begins");
    return this.#agent;
  }

  /** In place of one that the test has stopped. @param change what is another in the configuration from now on; @param clock as {@link LabAgent.start} has it */
  async startAgent(change: (config: string) => string = (config) => config, clock?: string): Promise<void> {
    const config = `${this.#settings}\n${change(this.#config)}`;
    this.#agent = await LabAgent.start(config, clock === undefined ? {} : { clock });
  }
}

export function assertDone({ run }: Followed): void {
  assert.equal(run.state, RunState.DONE, run.error?.message);
}
