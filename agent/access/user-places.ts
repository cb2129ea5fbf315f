import { Places } from "../../common/places.ts";

/** How many of something each user may have at once, so that nobody's many keep others out. Root's are not counted. */
export class UserPlaces {
  readonly each: number;
  readonly #places: Places<number>;

  constructor(each: number) {
    this.each = each;
    this.#places = new Places(each);
  }

  /** @returns what gives the place back, once; undefined when the user has as many as there are */
  take(uid: number): (() => void) | undefined {
    return uid === 0 ? () => undefined : this.#places.take(uid);
  }
}
