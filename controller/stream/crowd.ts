/** What is done for many machines by as many statements as for one: those that have come while the last transaction was written. */

import type { Database } from "../store/schema.ts";

/** @returns what is each one's, in the same order; no two are of one machine */
export type CrowdWork<In, Out> = (transaction: Database, each: readonly In[]) => Promise<readonly Out[]>;

interface Member<In, Out> {
  readonly input: In;
  readonly done: (output: Out) => void;
}

/** A {@link Crowd} as whoever writes it sees it. */
export interface AnyCrowd {
  /** @param members that were joined to it @returns what tells them, once it is stored */
  apply(transaction: Database, members: readonly object[]): Promise<() => void>;
}

export class Crowd<In extends { readonly machineId: string }, Out> implements AnyCrowd {
  readonly #work: CrowdWork<In, Out>;
  readonly #members = new WeakMap<object, Member<In, Out>>();

  constructor(work: CrowdWork<In, Out>) {
    this.#work = work;
  }

  /** @returns what stands for it */
  join(input: In, done: (output: Out) => void): object {
    const member = { input, done };
    this.#members.set(member, member);
    return member;
  }

  async apply(transaction: Database, members: readonly object[]): Promise<() => void> {
    const tell: (() => void)[] = [];
    for (const round of rounds(members.flatMap((member) => this.#members.get(member) ?? []))) {
      const outputs = await this.#work(
        transaction,
        round.map(({ input }) => input),
      );
      for (const [index, { done }] of round.entries()) tell.push(() => done(outputs[index] as Out));
    }
    return () => {
      for (const each of tell) each();
    };
  }
}

/** What one machine wants twice is done one after the other, in the order in which it came. Pure. */
function rounds<In extends { readonly machineId: string }, Out>(
  members: readonly Member<In, Out>[],
): readonly Member<In, Out>[][] {
  const made: Member<In, Out>[][] = [];
  const counts = new Map<string, number>();
  for (const member of members) {
    const { machineId } = member.input;
    const count = counts.get(machineId) ?? 0;
    counts.set(machineId, count + 1);
    const round = made[count] ?? [];
    made[count] = round;
    round.push(member);
  }
  return made;
}
