import { Chain } from './chain.ts';

interface Crowd<T> {
  readonly name: string;
  readonly members: Chain<T>;
  count: number;
  rank: number;
  leaveRank: () => void;
}

/**
 * Members in crowds, and at any time the crowd that takes up most. Every call takes the same time, however many
 * members and crowds there are: the crowds lie in one chain for each rank, and a rank changes by one.
 */
export class Crowds<T> {
  readonly #rankOf: (name: string, count: number) => number;
  readonly #crowds = new Map<string, Crowd<T>>();
  readonly #ranks: (Chain<Crowd<T>> | undefined)[] = [];
  /** No crowd has a higher rank than this one. */
  #top = 0;
  #size = 0;

  /** @param rankOf how much a crowd of so many takes up: a small integer */
  constructor(rankOf: (name: string, count: number) => number = (_name, count) => count) {
    this.#rankOf = rankOf;
  }

  get size(): number {
    return this.#size;
  }

  countOf(name: string): number {
    return this.#crowds.get(name)?.count ?? 0;
  }

  /** The member that has been longest in one crowd. */
  oldestOf(name: string): T | undefined {
    return this.#crowds.get(name)?.members.first;
  }

  /** The member that has been longest in the crowd of the highest rank; of equals, the one that reached it first. */
  oldestOfLargest(): T | undefined {
    while (this.#top > 0 && this.#ranks[this.#top]?.first === undefined) this.#top -= 1;
    return this.#ranks[this.#top]?.first?.members.first;
  }

  /** @returns what takes the member out again, once, however often it is called */
  add(name: string, member: T): () => void {
    const crowd = this.#crowds.get(name) ?? this.#makeCrowd(name);
    const leaveCrowd = crowd.members.append(member);
    this.#resize(crowd, 1);
    let isHere = true;
    return () => {
      if (!isHere) return;
      isHere = false;
      leaveCrowd();
      this.#resize(crowd, -1);
    };
  }

  /** To be called when `rankOf` says something else of a crowd than before. */
  rankAgain(name: string): void {
    const crowd = this.#crowds.get(name);
    if (crowd !== undefined) this.#resize(crowd, 0);
  }

  #makeCrowd(name: string): Crowd<T> {
    const crowd: Crowd<T> = { name, members: new Chain(), count: 0, rank: 0, leaveRank: () => undefined };
    this.#crowds.set(name, crowd);
    return crowd;
  }

  #resize(crowd: Crowd<T>, by: 1 | 0 | -1): void {
    this.#size += by;
    crowd.count += by;
    crowd.leaveRank();
    if (crowd.count === 0) {
      this.#crowds.delete(crowd.name);
      return;
    }
    crowd.rank = this.#rankOf(crowd.name, crowd.count);
    const chain = (this.#ranks[crowd.rank] ??= new Chain());
    crowd.leaveRank = chain.append(crowd);
    this.#top = Math.max(this.#top, crowd.rank);
  }
}
