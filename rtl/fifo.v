// First in, first out. `head` shows a value from the cycle after it was pushed. A full FIFO takes a
// value in a cycle in which it gives one; beyond that it raises `overflow`, as `underflow` when empty.
module fifo #(
    parameter WIDTH = 16,
    parameter DEPTH = 8
) (
    input              clk,
    input              reset,
    input              push,
    input [WIDTH-1:0]  value,
    input              pop,
    output [WIDTH-1:0] head,
    output             empty,
    output             overflow,
    output             underflow
);
    localparam BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam LAST = DEPTH - 1;

    reg [WIDTH-1:0] entries [0:DEPTH-1];
    reg [BITS-1:0]  first, next;
    reg [BITS:0]    count;

    assign head = entries[first];
    assign empty = count == 0;
    assign overflow = push & ~pop & count == DEPTH;
    assign underflow = pop & empty;

    always @(posedge clk) begin
        if (push) entries[next] <= value;
        if (reset) begin
            first <= 0;
            next <= 0;
            count <= 0;
        end else begin
            if (pop) first <= first == LAST[BITS-1:0] ? 0 : first + 1'b1;
            if (push) next <= next == LAST[BITS-1:0] ? 0 : next + 1'b1;
            count <= count + {{BITS{1'b0}}, push} - {{BITS{1'b0}}, pop};
        end
    end
endmodule
