interface Place<T> {
  readonly value: T;
  previous: Place<T> | null;
  next: Place<T> | null;
}

/**
 * Values in the order in which they came, each of which can leave at once, wherever it is. A `Set` could do that too,
 * but finds its oldest only after walking over the holes of all who left.
 */
export class Chain<T> {
  #first: Place<T> | null = null;
  #last: Place<T> | null = null;

  /** The one that has been here longest. */
  get first(): T | undefined {
    return this.#first?.value;
  }

  /** @returns what takes the value out again, once, however often it is called */
  append(value: T): () => void {
    const place: Place<T> = { value, previous: this.#last, next: null };
    if (this.#last === null) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
    let isHere = true;
    return () => {
      if (isHere) this.#remove(place);
      isHere = false;
    };
  }

  #remove({ previous, next }: Place<T>): void {
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
  }
}
