/** How many of something each user may have at once, so that nobody's many keep others out. Root's are not counted. */
export class Places {
  readonly each: number;
  readonly #taken = new Map<number, number>();

  constructor(each: number) {
    this.each = each;
  }

  /** @returns what gives the place back, once; undefined when the user has as many as there are */
  take(uid: number): (() => void) | undefined {
    if (uid === 0) return () => undefined;
    const taken = this.#taken.get(uid) ?? 0;
    if (taken >= this.each) return undefined;
    this.#taken.set(uid, taken + 1);
    let isMine = true;
    return () => {
      if (!isMine) return;
      isMine = false;
      const left = (this.#taken.get(uid) ?? 1) - 1;
      if (left === 0) this.#taken.delete(uid);
      else this.#taken.set(uid, left);
    };
  }
}
