#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace kandinsky::serving {

// Requests with pictures to draw, and whose picture goes into the next free slot: one of the client that holds the
// fewest slots, of several the one that was served the longest ago; among the client's requests the one that holds the
// fewest slots, of several the oldest. So a client with many pictures or requests delays another by one picture at
// most.
class FairQueue {
 public:
  using Id = std::uint64_t;  // ascending with age

  void add(Id request, const std::string& client, int pictures);
  // The request whose picture starts now; nullopt if none is left to start.
  std::optional<Id> next();
  // A picture of the request has left its slot.
  void leave(Id request);
  // Forgets the pictures that have not started.
  void drop(Id request);

  bool waiting() const { return left_ > 0; }
  // Requests that are known.
  std::size_t size() const { return requests_.size(); }

 private:
  struct Client {
    int active = 0;
    int requests = 0;
    std::uint64_t served = 0;
  };
  struct Entry {
    std::string client;
    int left;
    int active;
  };
  void forget_if_over(std::map<Id, Entry>::iterator request);

  std::map<Id, Entry> requests_;
  std::map<std::string, Client> clients_;
  int left_ = 0;
  std::uint64_t turn_ = 0;
};

}  // namespace kandinsky::serving
